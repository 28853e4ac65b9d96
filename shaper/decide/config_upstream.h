// The upstreams of a configuration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shaper/decide/config.h"
#include "shaper/decide/json_cursor.h"

namespace tasklane {

// The name that is kept for where the client wanted to go.
inline constexpr std::string_view original_name = "original";

// What is wrong with it is noted. One for each of its addresses: several share a group of this name, and are
// called "name@host:port".
std::vector<Upstream> parse_upstream(const std::string& name, const JsonCursor& plain);

}  // namespace tasklane
