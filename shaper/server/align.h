// A task's load options (shaper/dialect/load_options.h) made those of the chat with the same model.
#pragma once

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/load_options.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// Gives `body`, a JSON object, exactly these load options: others are put in, replaced or taken out. Whether
// that changed it; never where the dialect has none.
bool align(OrderedJson& body, Dialect dialect, const LoadOptions& chat);

}  // namespace tasklane
