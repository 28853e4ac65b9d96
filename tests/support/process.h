// A program that a test runs, in a namespace or not: its output is kept, and it is gone at the end whatever
// happens.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/namespace.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane::test {

struct Launch {
  std::vector<std::string> command;  // a path, or a name in PATH, and its arguments
  const Namespace* where = nullptr;  // none: where the test is
  std::vector<std::pair<std::string, std::string>> environment = {};  // beside the test's own
  // Done in the child before the program starts, such as dropping a privilege; only async-signal-safe calls.
  std::function<void()> before = [] {};
};

class Process {
 public:
  explicit Process(const Launch& launch);
  ~Process();  // kills it
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;

  // The exit status, or 128 + the signal that ended it. -1: still running when patience ended, and killed.
  int wait();

  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  // Whether the text came to stand in either output before patience or the program ended.
  bool wait_for_output(std::string_view text);

 private:
  bool reap(int flags);

  UniqueFd out_;
  UniqueFd err_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Runs it to its end.
struct Finished {
  int status;
  std::string out;
  std::string err;
};
Finished run_to_end(const Launch& launch);

// Whether something came to listen on the port, at any address of the namespace.
bool wait_for_listener(const Namespace& where, std::uint16_t port);

}  // namespace tasklane::test
