// JSON that keeps the order of its keys, by name alone: for headers that only pass it on.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tasklane {

using OrderedJson = nlohmann::ordered_json;

}  // namespace tasklane
