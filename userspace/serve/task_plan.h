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

}  // namespace tasklane
