// What a task's asking came to; shared by all who asked the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shaper/dialect/answer.h"

namespace tasklane {

struct TaskResult {
  std::optional<Answer> answer;
  LocalAnswer error{};  // where there is none: what the server said
  // With an answer: how the server named its status, and the fields that it meant for the client.
  std::string reason{};
  std::vector<HeaderField> fields{};
};

}  // namespace tasklane
