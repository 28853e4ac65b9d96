#include "userspace/steer/port_lock.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

struct LockName {
  sockaddr_un name{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

LockName lock_name(std::uint16_t port) {
  const std::string text = "tasklane.steering." + std::to_string(port);
  LockName lock;
  lock.name.sun_family = AF_UNIX;
  std::copy(text.begin(), text.end(), lock.name.sun_path + 1);  // a leading zero: abstract (unix(7))
  lock.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return lock;
}

UniqueFd lock_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// "process 4711", or a vaguer word where the kernel does not tell.
std::string holder_of(const LockName& lock) {
  const UniqueFd asker = lock_socket();
  ucred holder{};
  socklen_t length = sizeof(holder);
  if (::connect(asker.get(), lock.get(), lock.length) != 0 ||
      ::getsockopt(asker.get(), SOL_SOCKET, SO_PEERCRED, &holder, &length) != 0 || holder.pid == 0)
    return "another process";
  return "process " + std::to_string(holder.pid);
}

}  // namespace

Result<PortLock> PortLock::take(std::uint16_t port) {
  const LockName lock = lock_name(port);
  UniqueFd socket = lock_socket();
  if (!socket) return system_error("cannot make a UNIX socket");
  if (::bind(socket.get(), lock.get(), lock.length) == 0) {
    // It listens so that a second agent can ask who holds it; nobody accepts.
    if (::listen(socket.get(), SOMAXCONN) != 0)
      return system_error("cannot lock port " + std::to_string(port));
    return PortLock(std::move(socket));
  }
  if (errno != EADDRINUSE) return system_error("cannot lock port " + std::to_string(port));
  return Error{"port " + std::to_string(port) + " is steered by another agent already, " + holder_of(lock),
               "", "stop that one, or take the port out of \"intercept\" here"};
}

}  // namespace tasklane
