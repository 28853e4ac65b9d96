// tasklaned: the agent. Exit codes: 0 ended cleanly, 2 bad usage or configuration, 3 not permitted or not
// supported here.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "userspace/agent/agent.h"

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Keeps a local model's chat fast: steers the model port's connections through lanes",
               "tasklaned"};
  AgentOptions options;
  bool verbose = false;
  app.add_option("--config", options.config, "Rules, a JSON file; without it the one-model profile");
  app.add_option("--netns", options.netns,
                 "Network namespace in which the model listens: a name, a path or a process id");
  app.add_option("--control", options.control_socket,
                 "UNIX socket on which the tasklane tool finds the agent");
  app.add_flag("--verbose", verbose, "Log more");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  spdlog::set_default_logger(spdlog::stderr_color_st("tasklaned"));
  if (verbose) spdlog::set_level(spdlog::level::debug);

  Result<std::unique_ptr<Agent>> agent = Agent::start(options);
  if (!agent) {
    std::cerr << "tasklaned: " << agent.error().text() << "\n";
    return static_cast<int>(agent.error().exit);
  }
  (*agent)->run();
  return 0;
}
