// What is right in a configuration but hardly meant.
#pragma once

#include <string>
#include <vector>

#include "shaper/decide/config.h"

namespace tasklane {

// One sentence each, that names the rule.
std::vector<std::string> remarks_on(const Config& config);

}  // namespace tasklane
