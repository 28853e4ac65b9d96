// What listens on given ports, as the kernel tells it (sock_diag(7)): the endpoints that may be steered.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>

#include "shaper/base/result.h"
#include "userspace/steer/netlink.h"
#include "userspace/steer/socket_address.h"

namespace tasklane {

// Where something listens, and the user to whom its socket belongs.
using Listeners = std::map<SocketAddress, uid_t>;

class ListeningSockets {
 public:
  // Looks into the network namespace that the thread is in now, also when the thread moves on.
  static Result<ListeningSockets> open();

  // Every address at which a connection to one of the ports is answered; a dual-stack [::] stands for both
  // wildcards. Left out are listeners that are bound to one interface, link-local ones among them: the agent
  // cannot reach them from loopback, and steering would let in who comes by another interface.
  Result<Listeners> on(std::span<const std::uint16_t> ports);

 private:
  explicit ListeningSockets(NetlinkSocket kernel) : kernel_(std::move(kernel)) {}

  NetlinkSocket kernel_;
};

}  // namespace tasklane
