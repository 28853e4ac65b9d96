#include "shaper/dialect/neutral.h"

#include <string>

#include "shaper/dialect/question.h"

namespace tasklane {
namespace {

using SortedJson = nlohmann::json;

bool is_simple(const Question& question) {
  const bool may_think = question.think && question.think->value != false;
  return !question.left_out && question.tuning.empty() && question.tools.empty() && !question.tool_choice &&
         !question.parallel_calls && !may_think;
}

bool is_one_text(const Turn& turn) {
  return turn.parts.size() == 1 && !turn.parts.front().image && turn.thinking.empty() &&
         turn.tool_calls.empty() && turn.role != "tool";
}

}  // namespace

std::optional<SortedJson> neutral(const SortedJson& body, Dialect dialect) {
  const auto hear = dialect_row(dialect).hear;
  if (hear == nullptr) return std::nullopt;
  const Result<Question> question = hear(OrderedJson(body));
  if (!question || !is_simple(*question)) return std::nullopt;
  SortedJson said = SortedJson::object();
  for (const Turn& turn : question->turns) {
    if (!is_one_text(turn)) return std::nullopt;
    said["messages"].push_back({{"role", turn.role}, {"content", turn.parts.front().text}});
  }
  for (const auto& [name, each] : question->samplers) said[name] = each.value;
  if (question->limit) said["limit"] = question->limit->value;
  if (question->format) said["format"] = question->format->value;
  if (question->think) said["think"] = question->think->value;
  return said;
}

}  // namespace tasklane
