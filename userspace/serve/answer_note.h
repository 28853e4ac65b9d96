// What a person may be told of how a request was treated: in the log, and in a field of its answer.
#pragma once

#include <optional>
#include <string>

#include "shaper/classify/classification.h"
#include "shaper/decide/decide.h"
#include "userspace/serve/request.h"

namespace tasklane {

// "class=title; lane=background; rule=tasks; certainty=named; id=17": names, and nothing of the request
// itself. `lane`: none: it goes at once.
std::string verdict_of(RequestId id, const Classification& classification, const Decision& decision,
                       std::optional<Lane> lane);

// "X-Tasklane: class=title; ...; waited=0.412": in seconds, until an upstream was asked, or until now.
std::string answer_note(const Request& request);
double waited_seconds(const Request& request);

}  // namespace tasklane
