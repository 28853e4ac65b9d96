// Parses the rules of a configuration: `when` and `then`.
#pragma once

#include <vector>

#include "shaper/decide/config.h"
#include "shaper/decide/json_cursor.h"

namespace tasklane {

// Notes what is wrong on the way. `upstreams` are the names that a route may use.
std::vector<Rule> parse_rules(const JsonCursor& rules,
                              const std::map<std::string, Upstream, std::less<>>& upstreams);

}  // namespace tasklane
