// Asks a server which models it holds in memory (shaper/server/residency.h), for a task that is to go there
// only if its own is. Never for a chat.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "shaper/server/server_key.h"
#include "userspace/wire/io.h"

namespace tasklane {

struct RelayContext;
struct Target;
struct Upstream;
class Services;

// Those who wait for an answer that somebody else has asked for.
using LooksUnderWay = std::map<ServerKey, std::shared_ptr<Timer>>;

// Returns once what the Book knows of the server is fresh, or cannot be had: within half a second. All that
// it is given outlives it.
Awaitable<void> look_at_residency(RelayContext& context, const Target& origin, const Upstream& upstream,
                                  const Services& services);

}  // namespace tasklane
