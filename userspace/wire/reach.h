// From where a request is to go to a connection: a steered client's own destination, or an address by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "userspace/wire/io.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

// A model server, as one reaches it: caught by the kernel program on its way there, or by name.
struct Target {
  bool steered = false;     // `destination` is where the client wanted to go, on this host
  TcpEndpoint destination;  // of a steered connection
  Stead stead = {};         // how it is dialled
  std::string host;         // else: a name or an IP literal
  std::uint16_t port = 0;
  std::shared_ptr<TlsClient> tls = nullptr;  // null: in clear
};

struct ReachWishes {
  bool allow_idle = false;  // an idle connection serves, where one is kept
  // The last address is waited for as long as the kernel tries: there is nowhere else to go, and a server
  // whose accept queue is full may still answer.
  bool patient = false;
  bool others_behind = false;  // other addresses serve as well: this one is not waited for long
  std::shared_ptr<Dialling> dialling = nullptr;  // for whoever may give it up; may be null
};

// An idle connection to the target's first address, where that is known without asking for it; else null.
// From the event loop's thread.
UpstreamPtr idle_connection(UpstreamConnections& pool, const Target& target);

// An idle connection or a new one, trying each address of the name. Error: the name has none, the last one's
// dial failed, or it was given up. From the event loop's thread.
Awaitable<Result<UpstreamPtr>> reach(UpstreamConnections& pool, Target target, ReachWishes wishes);
inline Awaitable<Result<UpstreamPtr>> reach(UpstreamConnections& pool, Target target, bool allow_idle) {
  return reach(pool, std::move(target), ReachWishes{.allow_idle = allow_idle});
}

}  // namespace tasklane
