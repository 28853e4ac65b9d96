#include "tools/tasklane/verbs.h"

#include "tools/observe/observe.h"
#include "tools/observe/replay_verb.h"
#include "tools/support/control_client.h"
#include "tools/tasklane/bypass.h"
#include "tools/tasklane/check.h"
#include "tools/tasklane/doctor.h"
#include "tools/tasklane/explain.h"
#include "tools/tasklane/learn.h"
#include "tools/tasklane/log_level.h"
#include "tools/tasklane/reload.h"
#include "tools/tasklane/stats.h"

namespace tasklane {

void add_verbs(CLI::App& app, std::string& control, ExitCode& exit) {
  app.name("tasklane");
  app.description("Looks into a running Tasklane agent, and checks what it would do");
  app.footer(
      "Exit codes: 0 done; 1 a check found something, or no agent answers; 2 wrong usage or bad input; 3 not "
      "permitted or not supported here.");
  app.set_version_flag("--version", "tasklane " TASKLANE_VERSION);
  app.require_subcommand(1);
  control = default_control_socket;
  app.add_option("--control", control, "The agent's control socket")
      ->type_name("SOCKET")
      ->capture_default_str();
  app.fallthrough();
  add_stats(app, control, exit);
  add_bypass(app, control, exit);
  add_reload(app, control, exit);
  add_log_level(app, control, exit);
  add_doctor(app, control, exit);
  add_check(app, exit);
  add_explain(app, exit);
  add_learn(app, control, exit);
  add_observe(app, exit);
  add_replay(app, exit);
}

}  // namespace tasklane
