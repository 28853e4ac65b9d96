// Network namespaces of a test's own, taken down at its end with whatever still runs in them.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "userspace/steer/unique_fd.h"

namespace tasklane::test {

// A new network namespace with its loopback up. Throws std::runtime_error where it cannot be had.
class Namespace {
 public:
  Namespace();
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string path() const { return "/run/netns/" + name_; }

  // `ip -n <this> <arguments>`; throws with its words where it fails.
  void ip(std::string_view arguments) const;
  // Adds "10.1.2.3/32" or "fd01::3/128" to a device (which is up), and waits until it serves.
  void add_address(std::string_view address_and_prefix, std::string_view device = "lo") const;
  // A setting under /proc/sys/net: set_sysctl("ipv6/conf/all/disable_ipv6", "1").
  void set_sysctl(std::string_view setting, std::string_view value) const;

  // What `work` returns, done by this thread inside the namespace. Sockets that it makes stay there.
  template <class Work>
  auto run(Work&& work) const;

 private:
  explicit Namespace(std::string name);
  std::string name_;
};

// While it lives, the thread that made it is in the namespace.
class InsideNamespace {
 public:
  explicit InsideNamespace(const Namespace& where);
  ~InsideNamespace();
  InsideNamespace(const InsideNamespace&) = delete;
  InsideNamespace& operator=(const InsideNamespace&) = delete;

 private:
  UniqueFd home_;
};

template <class Work>
auto Namespace::run(Work&& work) const {
  const InsideNamespace inside(*this);
  return std::forward<Work>(work)();
}

// A cable between two namespaces: 10.77.0.1 and fd77::1 at the first end, 10.77.0.2 and fd77::2 at the
// second.
struct Cable {
  std::string first_ipv4 = "10.77.0.1";
  std::string first_ipv6 = "fd77::1";
  std::string second_ipv4 = "10.77.0.2";
  std::string second_ipv6 = "fd77::2";
};
Cable connect(const Namespace& first, const Namespace& second);

}  // namespace tasklane::test
