// Parses the lane settings under a rule's `then`.
#pragma once

#include "shaper/decide/config.h"
#include "shaper/decide/json_cursor.h"

namespace tasklane {

// A setter for each setting; each marks the rule as laned. `then` must outlive them.
JsonCursor::Members lane_setting_members(Then& then);

}  // namespace tasklane
