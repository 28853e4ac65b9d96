#include "shaper/dialect/suggestion.h"

#include "shaper/dialect/json_body.h"

namespace tasklane {

std::optional<std::string> suggestion_in(std::string_view answer) {
  const std::string_view braces = braced(answer);
  if (braces.empty()) return std::string(answer);
  const auto object = parse_object(braces);
  if (!object) return std::nullopt;
  const OrderedJson* text = member(*object, "text");
  if (text == nullptr || !text->is_string()) return std::nullopt;
  return text->get<std::string>();
}

}  // namespace tasklane
