// From where a request is to go to a connection: a steered client's own destination, or an address by name.
#pragma once

#include <cstdint>
#include <string>

#include "userspace/wire/io.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

// A model server, as one reaches it: caught by the kernel program on its way there, or by name.
struct Target {
  bool steered = false;     // `destination` is where the client wanted to go, on this host
  TcpEndpoint destination;  // of a steered connection
  std::string host;         // else: a name or an IP literal
  std::uint16_t port = 0;
};

// An idle connection where `allow_idle` and one is kept, else a new one, trying each address of the name.
// Error: the name has none, or the last one's dial failed. From the event loop's thread.
Awaitable<Result<UpstreamPtr>> reach(UpstreamConnections& pool, Target target, bool allow_idle);

}  // namespace tasklane
