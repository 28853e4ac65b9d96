// What may be done with a request, as the last word: the lane that it takes, and the settings that hold for
// it there. Computed once from the decision, the class and the body; the relay acts by it and `tasklane
// explain` tells it, and nothing behind it edits a rule. Only time that a task has waited is taken off its
// durations where it goes on to another upstream.
#pragma once

#include <string>

#include "shaper/classify/classification.h"
#include "shaper/decide/decide.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

struct Treatment {
  Lane lane = Lane::interactive;
  LaneSettings settings;         // without meaning in the interactive lane
  bool may_be_answered = false;  // Tasklane may give the class's empty answer, or a suggestion, itself
  // Why it goes at once though its rule has a lane for it, in words; "" where that is not so.
  std::string at_once_because;

  // In its lane; else it goes at once, as it came or as the rule's route and patch have it.
  [[nodiscard]] bool waits() const { return lane != Lane::interactive; }
};

// `body` is null where it was not read, or not whole. Pure; safe from any thread.
Treatment treatment_of(const Decision& decision, const Classification& classification,
                       const Endpoint& endpoint, const BodyFacts* body);

}  // namespace tasklane
