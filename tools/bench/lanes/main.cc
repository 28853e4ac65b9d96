// bench_lanes: the agent under load, on real sockets: thousands of tasks held while a chat streams, and ten
// thousand keystrokes in a minute. JSON on standard output, or tables. Where it may, it works in a network
// namespace of its own, where the agent steers.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "tools/bench/lanes/held.h"
#include "tools/bench/lanes/keystrokes.h"
#include "tools/bench/lanes/report.h"
#include "tools/support/own_network.h"
#include "tools/support/program.h"

namespace tasklane::bench {
namespace {

struct Options {
  HeldOptions held;
  KeystrokeOptions keystrokes;
  StageOptions stage;
  std::string only;
  bool table = false;
};

// A descriptor for each client, and for each on the model's side; servers started here inherit it.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

ExitCode run(Options options) {
  raise_descriptor_limit();
  options.stage.steered = tools::enter_own_network_namespace();
  options.held.stage = options.keystrokes.stage = options.stage;
  options.held.typists = options.keystrokes.typists;
  nlohmann::ordered_json report{{"steered", options.stage.steered}};
  const auto add = [&](const char* name, const Result<nlohmann::ordered_json>& part) {
    if (part)
      report[name] = *part;
    else
      std::cerr << "bench_lanes: " << part.error().text() << "\n";
    return part ? ExitCode::done : part.error().exit;
  };
  ExitCode code = ExitCode::done;
  if (options.only != "keystrokes") code = add("held", measure_held(options.held));
  if (code == ExitCode::done && options.only != "held")
    code = add("keystrokes", measure_keystrokes(options.keystrokes));
  if (code == ExitCode::done) std::cout << (options.table ? table_of(report) : report.dump(2) + "\n");
  return code;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"The agent under load: tasks held by the thousand, and a minute of typing", "bench_lanes"};
  bench::Options options;
  options.stage.agent = tools::beside_this_program("tasklaned");
  options.stage.model = tools::beside_this_program("modelsim");
  options.stage.config = TASKLANE_SOURCE_DIR "/config";
  app.add_option("--clients", options.held.clients, "Held at once")->check(CLI::Range(2, 5000));
  app.add_option("--chats", options.held.chats, "Short chats in each row")->check(CLI::Range(1, 200));
  app.add_option("--keystrokes", options.keystrokes.keystrokes, "In all")->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.keystrokes.seconds, "Of typing")->check(CLI::PositiveNumber);
  app.add_option("--typists", options.keystrokes.typists)->check(CLI::Range(1, 1000));
  app.add_option("--only", options.only, "One of the two alone")
      ->check(CLI::IsMember(std::vector<std::string>{"held", "keystrokes"}));
  app.add_flag("--table", options.table, "Tables for a person instead of JSON");
  app.add_option("--agent", options.stage.agent, "The agent's program");
  app.add_option("--model", options.stage.model, "The simulated model's program");
  app.add_option("--config", options.stage.config, "Folder of the profiles");
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  return tools::run_program(app.get_name(), [&] { return bench::run(options); });
}
