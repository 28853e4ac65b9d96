#include "userspace/steer/port_lock.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "userspace/steer/privilege.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

// Any user can take a name of the abstract UNIX namespace, so there are several: an agent takes the first
// that is free, and whoever holds another of them with the agent's privileges is an agent too. What others
// hold says nothing.
constexpr unsigned names = 16;

struct LockName {
  sockaddr_un name{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

LockName lock_name(std::uint16_t port, unsigned number) {
  std::string text = "tasklane.steering." + std::to_string(port);
  if (number > 0) text += "." + std::to_string(number);
  LockName lock;
  lock.name.sun_family = AF_UNIX;
  std::copy(text.begin(), text.end(), lock.name.sun_path + 1);  // a leading zero: abstract (unix(7))
  lock.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return lock;
}

UniqueFd lock_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Who listens there (unix(7), SO_PEERCRED); pid 0: somebody of another process namespace. None: nobody does.
std::optional<ucred> holder_of(const LockName& lock) {
  const UniqueFd asker = lock_socket();
  ucred holder{};
  socklen_t length = sizeof(holder);
  // EAGAIN: too many have asked; it is held all the same, and who holds it shows by its neighbours.
  if (::connect(asker.get(), lock.get(), lock.length) != 0 ||
      ::getsockopt(asker.get(), SOL_SOCKET, SO_PEERCRED, &holder, &length) != 0)
    return std::nullopt;
  return holder;
}

bool may_be_an_agent(const ucred& holder) {
  if (holder.uid == 0 || holder.uid == ::geteuid()) return true;
  const Result<Account> usual = account_of(agent_user);
  return usual && holder.uid == usual->user;
}

Result<void> refuse_a_second(std::uint16_t port, unsigned own) {
  for (unsigned number = 0; number < names; ++number) {
    if (number == own) continue;
    const std::optional<ucred> holder = holder_of(lock_name(port, number));
    if (!holder || !may_be_an_agent(*holder)) continue;
    const std::string who = holder->pid == 0 ? "another process" : "process " + std::to_string(holder->pid);
    return Error{"port " + std::to_string(port) + " is steered by another agent already, " + who, "",
                 "stop that one, or take the port out of \"intercept\" here"};
  }
  return {};
}

}  // namespace

Result<PortLock> PortLock::take(std::uint16_t port) {
  for (unsigned number = 0; number < names; ++number) {
    const LockName lock = lock_name(port, number);
    UniqueFd socket = lock_socket();
    if (!socket) return system_error("cannot make a UNIX socket");
    if (::bind(socket.get(), lock.get(), lock.length) != 0) {
      if (errno == EADDRINUSE) continue;
      return system_error("cannot lock port " + std::to_string(port));
    }
    // It listens so that a second agent can ask who holds it; nobody accepts.
    if (::listen(socket.get(), SOMAXCONN) != 0)
      return system_error("cannot lock port " + std::to_string(port));
    if (const Result<void> alone = refuse_a_second(port, number); !alone) return alone.error();
    return PortLock(std::move(socket));
  }
  if (const Result<void> alone = refuse_a_second(port, names); !alone) return alone.error();
  return PortLock(UniqueFd());  // others hold all names: that keeps no agent from its work
}

}  // namespace tasklane
