#include "shaper/dialect/contract.h"

#include "shaper/dialect/json_body.h"
#include "shaper/dialect/quoted.h"

namespace tasklane {
namespace {

bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

bool names_key(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const std::size_t end = at + key.size();
    if (at > 0 && end < text.size() && is_quote(text[at - 1]) && text[end] == text[at - 1]) return true;
  }
  return false;
}

}  // namespace

std::string_view contract_key(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::title:
      return "title";
    case RequestClass::tags:
      return "tags";
    case RequestClass::follow_up:
      return "follow_ups";
    case RequestClass::autocomplete:
      return "text";
    case RequestClass::query:
      return "queries";
    case RequestClass::image_prompt:
      return "prompt";
    case RequestClass::tool_selection:
      return "tool_calls";
    case RequestClass::memory_review:
      return "operations";
    default:
      return "";
  }
}

bool keeps_contract(RequestClass request_class, std::string_view answer) {
  const Result<OrderedJson> object = parse_object(braced(answer));
  return object && member(*object, contract_key(request_class)) != nullptr;
}

bool asks_for_json(RequestClass request_class, const BodyFacts& body) {
  const std::string_view key = contract_key(request_class);
  if (key.empty()) return false;
  if (request_class == RequestClass::tool_selection) {
    // Its instructions are the system message; the user message is all conversation.
    for (const Message& message : body.messages)
      if (message.role == Role::system && names_key(message.text, key)) return true;
    return false;
  }
  const std::string_view prompt = prompt_text(body);
  const std::string_view history = quoted_history(prompt);
  if (history.data() == nullptr) return names_key(prompt, key);
  const auto begin = static_cast<std::size_t>(history.data() - prompt.data());
  return names_key(prompt.substr(0, begin), key) || names_key(prompt.substr(begin + history.size()), key);
}

}  // namespace tasklane
