// tasklane: looks into a running agent and checks what it would do. Exit codes: 0 done, 1 found something, 2
// bad usage or input, 3 not permitted.
#include <iostream>

#include "shaper/base/shown.h"
#include "tools/tasklane/verbs.h"

int main(int argc, char** argv) {
  using namespace tasklane;
  const ShownStream out(std::cout);  // whatever a file, a server or a client says
  const ShownStream err(std::cerr);
  CLI::App app;
  std::string control;
  ExitCode exit = ExitCode::done;
  add_verbs(app, control, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(exit);
}
