// The agent's own listening sockets, to which new connections are steered.
#pragma once

#include "shaper/base/result.h"
#include "userspace/steer/socket_address.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// One listener a family: a connection keeps its family when it is steered. Without IPv6 on the host there is
// IPv4 alone. Both are non-blocking.
struct SteeringListeners {
  UniqueFd ipv4;
  UniqueFd ipv6;  // may be none
};

// Bound to loopback and a free port, in the network namespace of the calling thread. A full accept queue
// drops connections rather than passing them, so the queue is long.
Result<SteeringListeners> make_steering_listeners();

// Where the client of a steered connection wanted to go.
inline Result<SocketAddress> original_destination(int accepted) { return local_address_of(accepted); }

}  // namespace tasklane
