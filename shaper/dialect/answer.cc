#include "shaper/dialect/answer.h"

#include <array>
#include <cstdio>

namespace tasklane {

std::string numbered_call(std::size_t number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "call%05zu", number);
  return text.data();
}

std::int64_t created_seconds(const Answer& answer) {
  const auto time = answer.created.value_or(std::chrono::system_clock::time_point{});
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

LocalAnswer render(const Answer& answer, const AnswerForm& form) {
  return dialect_row(form.dialect).write(answer, form);
}

}  // namespace tasklane
