#include "tests/support/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <stdexcept>

#include "tests/support/sockets.h"
#include "userspace/steer/listening_sockets.h"
#include "userspace/steer/netns.h"

namespace tasklane::test {

namespace {

constexpr int cannot_start = 127;  // as a shell has it

UniqueFd memory_file(const char* name) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) throw std::runtime_error("memfd_create failed");
  return file;
}

std::string contents(int file) {
  std::string text;
  std::array<char, 65536> part{};
  for (;;) {
    const ssize_t got = ::pread(file, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> all;
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

struct Child {
  pid_t parent;
  int namespace_file;
  int out;
  int err;
  char** command;
  char** environment;
};

[[noreturn]] void become(const Child& child, const std::function<void()>& before) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != child.parent) ::_exit(cannot_start);
  ::dup2(child.out, STDOUT_FILENO);
  ::dup2(child.err, STDERR_FILENO);
  if (child.namespace_file >= 0 && ::setns(child.namespace_file, CLONE_NEWNET) != 0) ::_exit(cannot_start);
  before();
  ::execvpe(child.command[0], child.command, child.environment);
  ::_exit(cannot_start);
}

}  // namespace

Process::Process(const Launch& launch) : out_(memory_file("stdout")), err_(memory_file("stderr")) {
  std::vector<std::string> command = launch.command;
  std::vector<std::string> environment = environment_with(launch.environment);
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  UniqueFd where;
  if (launch.where != nullptr) where = open_network_namespace(launch.where->path()).value();
  const Child child{::getpid(),
                    where.get(),
                    out_.get(),
                    err_.get(),
                    const_cast<char**>(arguments.data()),
                    const_cast<char**>(variables.data())};
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) become(child, launch.before);
}

Process::~Process() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  reap(0);
}

bool Process::reap(int flags) {
  if (status_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, flags) != pid_) return false;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

bool Process::running() { return !reap(WNOHANG); }

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);  // a reaped id may be another's by now
}

int Process::wait() {
  if (eventually([this] { return !running(); })) return *status_;
  signal(SIGKILL);
  reap(0);
  return -1;
}

std::string Process::out() const { return contents(out_.get()); }
std::string Process::err() const { return contents(err_.get()); }

bool Process::wait_for_output(std::string_view text) {
  const auto written = [&] {
    return out().find(text) != std::string::npos || err().find(text) != std::string::npos;
  };
  return eventually([&] { return written() || !running(); }) && written();
}

Finished run_to_end(const Launch& launch) {
  Process process(launch);
  const int status = process.wait();
  return {status, process.out(), process.err()};
}

bool wait_for_listener(const Namespace& where, std::uint16_t port) {
  auto listening = where.run([] { return ListeningSockets::open(); });
  return eventually([&] {
    const std::array ports{port};
    const auto found = listening->on(ports);
    return found && !found->empty();
  });
}

}  // namespace tasklane::test
