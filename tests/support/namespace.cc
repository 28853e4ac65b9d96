#include "tests/support/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "tests/support/sockets.h"
#include "userspace/steer/dialer.h"
#include "userspace/steer/netns.h"

namespace tasklane::test {

namespace {

std::string unique_name() {
  static std::atomic<int> count = 0;
  return "tasklane-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

struct Outcome {
  int status;
  std::string output;
};

Outcome run_command(const std::string& command) {
  std::FILE* pipe = ::popen(("PATH=$PATH:/usr/sbin:/sbin " + command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::array<char, 512> part{};
  while (std::fgets(part.data(), part.size(), pipe) != nullptr) output += part.data();
  return {::pclose(pipe), output};
}

void must_run(const std::string& command) {
  const Outcome outcome = run_command(command);
  if (outcome.status != 0) throw std::runtime_error(command + ": " + outcome.output);
}

void must_enter(int file) {
  if (::setns(file, CLONE_NEWNET) != 0) throw std::runtime_error("setns failed");
}

}  // namespace

Namespace::Namespace(std::string name) : name_(std::move(name)) { must_run("ip netns add " + name_); }

// Where this throws, the namespace is there and is taken down.
Namespace::Namespace() : Namespace(unique_name()) { ip("link set lo up"); }

Namespace::~Namespace() {
  std::istringstream leftovers(run_command("ip netns pids " + name_).output);
  for (pid_t process = 0; leftovers >> process;)
    if (process != ::getpid()) ::kill(process, SIGKILL);
  run_command("ip netns delete " + name_);
}

void Namespace::ip(std::string_view arguments) const {
  must_run("ip -n " + name_ + " " + std::string(arguments));
}

void Namespace::add_address(std::string_view address_and_prefix, std::string_view device) const {
  const IpAddress address =
      parse_ip_address(address_and_prefix.substr(0, address_and_prefix.find('/'))).value();
  // nodad: without the seconds of duplicate detection. The kernel adds IPv6's route a moment after the
  // address.
  const char* at_once = address.family == IpFamily::ipv6 ? " nodad" : "";
  ip("address add " + std::string(address_and_prefix) + " dev " + std::string(device) + at_once);
  const bool serves =
      run([&] { return eventually([&] { return is_address_of_this_host(address).value(); }); });
  if (!serves) throw std::runtime_error("no route to " + to_text(address));
}

void Namespace::set_sysctl(std::string_view setting, std::string_view value) const {
  const bool done = run([&] {
    std::ofstream file("/proc/sys/net/" + std::string(setting));
    return static_cast<bool>(file << value << std::flush);
  });
  if (!done) throw std::runtime_error("cannot set " + std::string(setting));
}

InsideNamespace::InsideNamespace(const Namespace& where)
    : home_(open_own_network_namespace().value().release()) {
  must_enter(open_network_namespace(where.path()).value().get());
}

InsideNamespace::~InsideNamespace() {
  // A thread lost in a namespace would spoil every later test: better to end here.
  if (::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

Cable connect(const Namespace& first, const Namespace& second) {
  const Cable cable;
  first.ip("link add cable0 type veth peer name cable0 netns " + second.name());
  first.ip("link set cable0 up");
  second.ip("link set cable0 up");
  first.add_address(cable.first_ipv4 + "/24", "cable0");
  first.add_address(cable.first_ipv6 + "/64", "cable0");
  second.add_address(cable.second_ipv4 + "/24", "cable0");
  second.add_address(cable.second_ipv6 + "/64", "cable0");
  return cable;
}

}  // namespace tasklane::test
