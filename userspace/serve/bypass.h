// Turns Tasklane's own hand off and on: for `tasklane bypass`.
#pragma once

#include "userspace/serve/relay_context.h"

namespace tasklane {

// On: what Tasklane asks on its own account ends, what it holds goes at once, and requests pass untouched.
// From the event loop's thread.
void set_bypass(RelayContext& context, bool on);

}  // namespace tasklane
