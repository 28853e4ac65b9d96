// Entering the network namespace in which a model listens.
#pragma once

#include <string_view>

#include "shaper/base/result.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// The namespace that NAME (/run/netns/NAME), a PATH (with a slash in it) or a process id names.
Result<UniqueFd> open_network_namespace(std::string_view which);

// The namespace that the calling thread is in.
Result<UniqueFd> open_own_network_namespace();

// Moves the calling thread, and every thread that it starts later. The agent calls it once, before it has
// others.
Result<void> enter_network_namespace(std::string_view which);

}  // namespace tasklane
