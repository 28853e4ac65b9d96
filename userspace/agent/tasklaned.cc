// tasklaned: the agent. Exit codes: 0 ended cleanly, 1 its helper has ended or is not there, 2 bad usage or
// configuration, 3 not permitted or not supported here.
#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "shaper/base/shown.h"
#include "userspace/agent/agent.h"
#include "userspace/agent/arguments.h"
#include "userspace/agent/log.h"
#include "userspace/agent/serving_as_helper.h"

namespace {

// Request bodies come and go by the megabyte. Where the heap's end is given back to the kernel each time, the
// page faults cost more than reading and classifying the body (2.3 ms against 0.9 ms for 1 MiB;
// tools/bench/run
// --only body_1_mib).
void keep_freed_memory() {
  constexpr int kept = 16 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kept);
  ::mallopt(M_MMAP_THRESHOLD, kept);
}

// A descriptor that a closed one of the standard three leaves free would be the next socket's, and log lines
// would go to a client.
void keep_standard_streams() {
  int fd = 0;
  do fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// No prompt is to reach a core file, or whoever may trace this user's processes.
void keep_prompts_in() { ::prctl(PR_SET_DUMPABLE, 0); }

}  // namespace

int main(int argc, char** argv) {
  using namespace tasklane;
  keep_standard_streams();
  keep_prompts_in();
  ::signal(SIGPIPE, SIG_IGN);  // whoever read the log has gone
  keep_freed_memory();
  const ShownStream errors(std::cerr);
  CLI::App app;
  AgentArguments arguments;
  add_arguments(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  const Result<LogFormat> format = log_format_of(arguments.log_format);
  if (format) start_log(*format);
  const Result<void> level = set_log_level(arguments.verbose ? "debug" : arguments.log_level);
  if (!format || !level) {
    std::cerr << "tasklaned: " << (format ? level.error() : format.error()).text() << "\n";
    return static_cast<int>(ExitCode::usage);
  }

  if (arguments.as_helper) return static_cast<int>(serve_as_helper(arguments.agent));
  Result<std::unique_ptr<Agent>> agent = Agent::start(arguments.agent);
  if (!agent) {
    std::cerr << "tasklaned: " << agent.error().text() << "\n";
    return static_cast<int>(agent.error().exit);
  }
  return static_cast<int>((*agent)->run());
}
