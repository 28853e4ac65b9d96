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

bool keeps_contract(RequestClass request_class, std::string_view answer) {
  const Result<OrderedJson> object = parse_object(braced(answer));
  return object && member(*object, class_row(request_class).contract.key) != nullptr;
}

bool asks_for_json(RequestClass request_class, const BodyFacts& body) {
  const AnswerContract& contract = class_row(request_class).contract;
  const std::string_view key = contract.key;
  if (key.empty()) return false;
  if (contract.named == AnswerContract::Named::in_system) {
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
