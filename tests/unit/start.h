// When the time of tests begins.
#pragma once

#include "shaper/base/time.h"

namespace tasklane {

inline constexpr Time start{std::chrono::hours(1)};

}  // namespace tasklane
