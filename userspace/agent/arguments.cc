#include "userspace/agent/arguments.h"

namespace tasklane {

void add_arguments(CLI::App& app, AgentArguments& into) {
  app.name("tasklaned");
  app.description("Keeps a local model's chat fast: steers the model port's connections through lanes");
  app.footer(
      "SIGHUP reads the configuration again; SIGTERM and SIGINT end the agent behind the answers that are on "
      "their way, a second one at once.\n"
      "Exit codes: 0 ended; 1 its helper has ended or is not there; 2 wrong usage or bad configuration; 3 "
      "not permitted or not supported here.");
  app.set_version_flag("--version", "tasklaned " TASKLANE_VERSION);
  app.add_option("--config", into.agent.config,
                 "Rules, a JSON file (default: /etc/tasklane/tasklane.json where it is there, else the "
                 "built-in one-model profile)")
      ->type_name("FILE");
  app.add_option(
         "--netns", into.agent.netns,
         "Network namespace in which the model listens, instead of the configuration's \"netns\": a name, "
         "a path, a process id, container:NAME or of-listener:PORT")
      ->type_name("NAMESPACE");
  app.add_option("--control", into.agent.control_socket,
                 "UNIX socket on which the tasklane tool finds the agent")
      ->type_name("SOCKET");
  app.add_option(
         "--user", into.agent.user,
         "User that the agent becomes when it has attached: a name or a number (default: tasklane where "
         "there is one, else nobody)")
      ->type_name("USER");
  app.add_option("--helper", into.agent.helper,
                 "UNIX socket at which the service manager starts a helper that keeps the privilege "
                 "(tasklane-helper.socket), so that the agent needs none; default: it starts one itself")
      ->type_name("SOCKET")
      ->envname("TASKLANE_HELPER");
  app.add_option(
         "--ready-fd", into.agent.ready_descriptor,
         "Descriptor to which a line end is written when the agent works, for supervisors that are not "
         "systemd (s6, for instance); it is closed behind that")
      ->type_name("NUMBER")
      ->check(CLI::Range(3, 65535));
  app.add_flag("--as-helper", into.as_helper,
               "Keeps the privilege for the agent that is connected to standard input "
               "(tasklane-helper@.service); takes --config and --netns as that agent does");
  app.add_option(
         "--log-level", into.log_level,
         "What is logged: debug (a line for each request, without a word of it), info, warning or error; "
         "`tasklane log-level` changes it at run time")
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_option(
         "--log-format", into.log_format,
         "text, json (an object a line) or journal (default: journal where standard error is systemd's, else "
         "text)")
      ->type_name("FORMAT");
  app.add_flag("--verbose", into.verbose, "As --log-level debug");
}

}  // namespace tasklane
