// The least that a relay can do: accept, connect, copy both ways, knowing nothing of HTTP. What Tasklane's
// added time is held against.
#pragma once

#include <cstdint>

#include "userspace/steer/unique_fd.h"

namespace tasklane::bench {

// Never returns.
void run_copy_loop(const UniqueFd& listener, std::uint16_t to);

}  // namespace tasklane::bench
