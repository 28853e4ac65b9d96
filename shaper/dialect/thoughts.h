// Thoughts that a model writes into its answer's text, between tags of its own.
#pragma once

#include <string_view>

namespace tasklane {

// What stands behind the thoughts; all of it where there are none, nothing where they have no end.
std::string_view behind_thoughts(std::string_view content);

}  // namespace tasklane
