// What listens on given ports, as the kernel tells it (sock_diag(7)): the endpoints that may be steered.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "shaper/base/result.h"
#include "userspace/steer/netlink.h"
#include "userspace/steer/socket_address.h"

namespace tasklane {

// Where something listens, and the user to whom its socket belongs.
using Listeners = std::map<SocketAddress, uid_t>;
// Where something listens for those who come by one interface, and that interface's index.
using DeviceListeners = std::set<std::pair<SocketAddress, unsigned>>;

class ListeningSockets {
 public:
  // Looks into the network namespace that the thread is in now, also when the thread moves on.
  static Result<ListeningSockets> open();

  // Every address at which a connection to one of the ports is answered; a dual-stack [::] stands for both
  // wildcards. Listeners that are bound to one interface are no endpoints, for steering would let in who
  // comes by another; they are put into `on_devices` where that is wanted. Link-local ones are left out.
  Result<Listeners> on(std::span<const std::uint16_t> ports, DeviceListeners* on_devices = nullptr);
  [[nodiscard]] int descriptor() const { return kernel_.descriptor(); }

 private:
  explicit ListeningSockets(NetlinkSocket kernel) : kernel_(std::move(kernel)) {}

  NetlinkSocket kernel_;
};

}  // namespace tasklane
