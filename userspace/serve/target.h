// Where an upstream of a rule is, for a client that wanted to go somewhere.
#pragma once

#include "shaper/decide/config.h"
#include "shaper/server/server_key.h"
#include "userspace/wire/reach.h"

namespace tasklane {

// `origin` itself for an upstream that is "original", else the upstream's own address.
Target target_of(const Target& origin, const Upstream& upstream);

// One name for each server, under which what is known of it is kept. Upstreams at one address are one server,
// but for services out there, where each is its own account.
ServerKey server_key(const Target& origin, const Upstream& upstream);

}  // namespace tasklane
