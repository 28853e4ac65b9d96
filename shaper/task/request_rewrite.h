// A request's body and head, written anew as a decision asks. What no rule changes never comes here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/decide/config.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// Gives `body`, a JSON object, the rule's patch (RFC 7396) and the upstream's model. Whether that changed it.
bool rewrite(OrderedJson& body, const Then& then, const Upstream& upstream);

// A body that is not read yet, as each upstream of a route is to get it, compact: read once, and only where
// something is changed. Nothing where it goes as it came: it is no JSON object, or nothing changes it.
std::vector<std::optional<std::string>> rewritten_bodies(std::string_view body, const Then& then,
                                                         const std::vector<const Upstream*>& route);

}  // namespace tasklane
