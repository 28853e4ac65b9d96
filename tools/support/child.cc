#include "tools/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <thread>

#include "tools/support/sockets.h"

namespace tasklane::tools {
namespace {

constexpr auto patience = std::chrono::seconds(2);
constexpr auto pause = std::chrono::milliseconds(10);

pid_t fork_bound_to_parent() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
  }
  return pid;
}

[[noreturn]] void become(const std::vector<std::string>& command, const std::filesystem::path& log) {
  const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words.front(), words.data());
  ::_exit(127);
}

}  // namespace

Child Child::running(const std::function<void()>& work) {
  const pid_t pid = fork_bound_to_parent();
  if (pid != 0) return Child(pid);
  try {
    work();
  } catch (const std::exception& problem) {
    std::cerr << "a server ended: " << problem.what() << "\n";
  }
  ::_exit(1);
}

Child Child::program(const std::vector<std::string>& command, const std::filesystem::path& log) {
  const pid_t pid = fork_bound_to_parent();
  if (pid == 0) become(command, log);
  return Child(pid);
}

bool Child::alive() const { return pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0; }

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  for (auto waited = pause; waited < patience; waited += pause) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(pause);
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace tasklane::tools
