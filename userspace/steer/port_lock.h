// One agent for a port of a network namespace.
#pragma once

#include <cstdint>

#include "shaper/base/result.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// Held while it lives. It is a name in the abstract UNIX namespace, which belongs to the network namespace
// and vanishes with the process, however that ends. No user without the agent's privileges can keep an agent
// from it.
class PortLock {
 public:
  static Result<PortLock> take(std::uint16_t port);

 private:
  explicit PortLock(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace tasklane
