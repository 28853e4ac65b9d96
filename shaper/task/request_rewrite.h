// A request's body and head, written anew as a decision asks. What no rule changes never comes here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// Gives `body`, a JSON object, the rule's patch (RFC 7396) and the upstream's model. Whether that changed it.
bool rewrite(OrderedJson& body, const Then& then, const Upstream& upstream);

// The same of a body that is not read yet, compact. Nothing when neither changes anything. Error: the body is
// no JSON object (then the caller forwards it as it came).
Result<std::optional<std::string>> rewrite_body(std::string_view body, const Then& then,
                                                const Upstream& upstream);

}  // namespace tasklane
