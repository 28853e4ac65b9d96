// What may be done with a request, as the last word: the lane that it takes, and the settings that hold for
// it there. Computed once from the decision, the class, its certainty and the body; the relay acts by it and
// `tasklane explain` tells it, and nothing behind it edits a rule. Only time that a task has waited is taken
// off its durations where it goes on to another upstream.
//
// What is done beyond waiting is what the certainty allows (shaper/classify/certainty.h), made less by the
// rule; or what a rule gives that puts somebody's requests into a lane, whatever they are.
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
  Power power;           // nothing in the interactive lane
  bool by_rule = false;  // in its lane whatever it is, for a rule says so
  // Asked upstream as a stream and put together here. Else its bytes pass as they are, both ways, once its
  // turn has come.
  bool put_together = false;

  // In its lane; else it goes at once, as it came or as the rule's route and patch have it.
  [[nodiscard]] bool waits() const { return lane != Lane::interactive; }
};

// `body` is null where it was not read, or not whole. Pure; safe from any thread.
Treatment treatment_of(const Decision& decision, const Classification& classification,
                       const Endpoint& endpoint, const BodyFacts* body);

// Whether a rule with a lane says of whom or of what, so that chats go there too: a rule for everything does
// not mean them.
bool puts_chats_into_lane(const Rule& rule);

}  // namespace tasklane
