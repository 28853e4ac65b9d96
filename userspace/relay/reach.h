// From an upstream's name to a connection: where the client wanted to go, or the address of a URL.
#pragma once

#include "shaper/decide/config.h"
#include "userspace/relay/relay_context.h"

namespace tasklane {

// An idle connection where `allow_idle` and one is kept, else a new one, trying each of the upstream's
// addresses.
Awaitable<Result<UpstreamPtr>> reach(RelayContext& context, const Origin& origin, const Upstream& upstream,
                                     bool allow_idle);

// One name for each server, under which its slots are counted.
std::string server_key(const Origin& origin, const Upstream& upstream);

}  // namespace tasklane
