#include "userspace/steer/steering_listeners.h"

#include <netinet/in.h>

#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

constexpr int accept_queue =
    4096;  // the kernel cuts it to net.core.somaxconn, which has this default since 5.4

// Whether the error only says that the host has no such family.
bool says_no_such_family(int code) {
  return code == EAFNOSUPPORT || code == EADDRNOTAVAIL || code == EPROTONOSUPPORT;
}

// A steered connection occupies the model's port, not the listener's, and inherits these: without them the
// model could not bind its port again while one lives or waits in TIME_WAIT. Each of the two serves the
// servers that set it too.
Result<void> share_port(int socket) {
  const int yes = 1;
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT})
    if (::setsockopt(socket, SOL_SOCKET, option, &yes, sizeof(yes)) != 0)
      return system_error("cannot set an option of a socket");
  return {};
}

Result<UniqueFd> listen_on_loopback(IpFamily family) {
  UniqueFd socket(::socket(to_kernel(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return says_no_such_family(errno) ? Result<UniqueFd>(UniqueFd{}) : system_error("socket");
  const KernelAddress any_port = to_kernel(SocketAddress{IpAddress::loopback(family), 0});
  const std::string name = "cannot listen on " + to_text(IpAddress::loopback(family));
  if (const auto done = share_port(socket.get()); !done) return done.error();
  if (::bind(socket.get(), any_port.get(), any_port.length) != 0)
    return says_no_such_family(errno) ? Result<UniqueFd>(UniqueFd{}) : system_error(name);
  if (::listen(socket.get(), accept_queue) != 0) return system_error(name);
  return socket;
}

}  // namespace

Result<SteeringListeners> make_steering_listeners() {
  auto ipv4 = listen_on_loopback(IpFamily::ipv4);
  if (!ipv4) return ipv4.error();
  auto ipv6 = listen_on_loopback(IpFamily::ipv6);
  if (!ipv6) return ipv6.error();
  if (!*ipv4 && !*ipv6)
    return Error{"this network namespace has no loopback address", "", "bring it up: `ip link set lo up`",
                 ExitCode::not_permitted};
  return SteeringListeners{std::move(*ipv4), std::move(*ipv6)};
}

}  // namespace tasklane
