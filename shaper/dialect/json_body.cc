#include "shaper/dialect/json_body.h"

#include <algorithm>

namespace tasklane {
namespace {

void lower(std::optional<std::int64_t>& lowest, const OrderedJson* value) {
  if (value == nullptr || !value->is_number()) return;
  const double number = value->get<double>();
  if (number < 1 || number > 1e15) return;
  const auto tokens = static_cast<std::int64_t>(number);
  lowest = lowest ? std::min(*lowest, tokens) : tokens;
}

std::string* text_of(OrderedJson& content) {
  if (content.is_string()) return content.get_ptr<std::string*>();
  if (!content.is_array()) return nullptr;
  for (auto part = content.rbegin(); part != content.rend(); ++part) {
    if (part->is_string()) return part->get_ptr<std::string*>();
    OrderedJson* const text = part->is_object() ? member(*part, "text") : nullptr;
    if (text != nullptr && text->is_string()) return text->get_ptr<std::string*>();
  }
  return nullptr;
}

}  // namespace

std::string_view braced(std::string_view text) {
  const std::size_t open = text.find('{');
  const std::size_t close = text.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return text.substr(open, close - open + 1);
}

const OrderedJson* member(const OrderedJson& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

OrderedJson* member(OrderedJson& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::int64_t> token_limit(const OrderedJson& body, Dialect dialect) {
  std::optional<std::int64_t> lowest;
  const TokenLimits& limits = dialect_row(dialect).limits;
  const OrderedJson* options = limits.in_options.empty() ? nullptr : member(body, "options");
  if (options != nullptr && options->is_object()) lower(lowest, member(*options, limits.in_options));
  for (const std::string_view key : limits.at_root) lower(lowest, member(body, key));
  return lowest;
}

void set_token_limit(OrderedJson& body, Dialect dialect, std::int64_t tokens) {
  const TokenLimits& limits = dialect_row(dialect).limits;
  if (!limits.in_options.empty()) {
    OrderedJson& options = body["options"];
    if (!options.is_object()) options = OrderedJson::object();
    options[std::string(limits.in_options)] = tokens;
    return;
  }
  bool set = limits.own.empty();
  for (const std::string_view key : limits.at_root) {
    if (member(body, key) == nullptr) continue;
    body[std::string(key)] = tokens;
    const auto& not_counted = limits.count_not;
    set = set || std::find(not_counted.begin(), not_counted.end(), key) == not_counted.end();
  }
  if (!set) body[std::string(limits.own)] = tokens;
}

std::string* last_user_text(OrderedJson& body, Dialect dialect) {
  if (dialect_row(dialect).prompt == PromptPlace::lone) {
    OrderedJson* const prompt = member(body, "prompt");
    return prompt == nullptr ? nullptr : text_of(*prompt);
  }
  OrderedJson* const messages = member(body, "messages");
  if (messages == nullptr || !messages->is_array()) return nullptr;
  for (auto message = messages->rbegin(); message != messages->rend(); ++message) {
    if (!message->is_object() || message->value("role", OrderedJson()) != "user") continue;
    OrderedJson* const content = member(*message, "content");
    return content == nullptr ? nullptr : text_of(*content);
  }
  return nullptr;
}

void ask_for_stream(OrderedJson& body, Dialect dialect) {
  body["stream"] = true;
  if (dialect_row(dialect).usage_unless_asked) return;
  OrderedJson& options = body["stream_options"];
  if (!options.is_object()) options = OrderedJson::object();
  options["include_usage"] = true;
}

}  // namespace tasklane
