// What a task's asking came to; shared by all who asked the same.
#pragma once

#include <optional>

#include "shaper/dialect/answer.h"

namespace tasklane {

struct TaskResult {
  std::optional<Answer> answer;
  LocalAnswer error;  // where there is none: what the server said
};

}  // namespace tasklane
