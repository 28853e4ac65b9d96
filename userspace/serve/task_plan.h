// Whether a request is handled as a task in a lane, and all that it takes to do so later, when the body's
// facts are gone.
#pragma once

#include <optional>

#include "userspace/serve/task_run.h"

namespace tasklane {

struct PlanInput {
  const Request& request;
  const BodyFacts* body = nullptr;
  const Classification& classification;
  const Decision& decision;
  std::string_view client;
};

// Nothing: it goes at once, as it came or as the rule writes it anew.
std::optional<TaskPlan> plan_task(const PlanInput& input);

// What waits in a lane and is then passed on byte for byte, both ways: a learnt shape, a task in a dialect in
// which no answer is put together here, whatever a rule puts into a lane. Without upstream.
std::optional<Ticket> plan_hold(const PlanInput& input);

}  // namespace tasklane
