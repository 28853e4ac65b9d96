// tasklane: looks into a running agent and checks what it would do. Exit codes: 0 done, 1 found something, 2
// bad usage or input, 3 not permitted.
#include <CLI/CLI.hpp>

#include "tools/observe/observe.h"
#include "tools/observe/replay_verb.h"
#include "tools/tasklane/bypass.h"
#include "tools/tasklane/check.h"
#include "tools/tasklane/control_client.h"
#include "tools/tasklane/explain.h"
#include "tools/tasklane/learn.h"
#include "tools/tasklane/stats.h"

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Looks into a running Tasklane agent, and checks what it would do", "tasklane"};
  app.set_version_flag("--version", TASKLANE_VERSION);
  app.require_subcommand(1);
  std::string control = default_control_socket;
  app.add_option("--control", control, "The agent's control socket")->capture_default_str();
  app.fallthrough();
  ExitCode exit = ExitCode::done;
  add_stats(app, control, exit);
  add_bypass(app, control, exit);
  add_check(app, exit);
  add_explain(app, exit);
  add_learn(app, control, exit);
  add_observe(app, exit);
  add_replay(app, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(exit);
}
