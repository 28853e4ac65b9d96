#include "shaper/dialect/answer_intake.h"

#include <algorithm>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

const OrderedJson* own_member(const OrderedJson& object, std::string_view key) {
  return object.is_object() ? member(object, key) : nullptr;
}

}  // namespace

std::string text_at(const OrderedJson& object, std::string_view key) {
  const OrderedJson* value = own_member(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// What no prompt and no clock comes to is none.
std::optional<std::uint64_t> count_of(double number) {
  if (number >= 0 && number < 1e15) return static_cast<std::uint64_t>(number);
  return std::nullopt;
}

std::optional<Duration> time_of(double number, double unit_seconds) {
  const double seconds = number * unit_seconds;
  if (seconds >= 0 && seconds < 1e8) return from_seconds(seconds);
  return std::nullopt;
}

void read_count(std::optional<std::uint64_t>& into, const OrderedJson& object, std::string_view key) {
  const OrderedJson* value = own_member(object, key);
  if (value == nullptr || !value->is_number()) return;
  if (const auto count = count_of(value->get<double>())) into = count;
}

void read_time(std::optional<Duration>& into, const OrderedJson& object, std::string_view key,
               double unit_seconds) {
  const OrderedJson* value = own_member(object, key);
  if (value == nullptr || !value->is_number()) return;
  if (const auto time = time_of(value->get<double>(), unit_seconds)) into = time;
}

void AnswerIntake::text(std::string& into, const OrderedJson& object, std::string_view key) {
  const OrderedJson* value = own_member(object, key);
  if (value == nullptr || !value->is_string()) return;
  const auto& text = value->get_ref<const std::string&>();
  any_text_ = any_text_ || !text.empty();
  if (keeps_text_) into += text;
}

void AnswerIntake::tool_call(const OrderedJson& call, std::optional<std::uint64_t> index) {
  any_text_ = true;
  const OrderedJson* function = own_member(call, "function");
  if (!keeps_text_ || function == nullptr) return;
  const std::size_t next = answer_.tool_calls.size();
  const std::size_t place = index ? call_places_.try_emplace(*index, next).first->second : next;
  if (place == next) answer_.tool_calls.emplace_back();
  ToolCall& into = answer_.tool_calls[place];
  if (const std::string id = text_at(call, "id"); !id.empty()) into.id = id;
  into.name += text_at(*function, "name");
  const OrderedJson* arguments = own_member(*function, "arguments");
  if (arguments == nullptr) return;
  into.arguments += arguments->is_string() ? arguments->get<std::string>() : to_wire_json(*arguments);
}

void AnswerIntake::rest(OrderedJson& into, const OrderedJson& object, Texts texts,
                        std::initializer_list<std::string_view> but) const {
  if (!keeps_text_ || !object.is_object()) return;
  for (const auto& [key, value] : object.items()) {
    if (std::find(but.begin(), but.end(), key) != but.end()) continue;
    const auto known = into.find(key);
    if (known == into.end() || known->is_null())
      into[key] = value;
    else if (texts == Texts::in_pieces && known->is_string() && value.is_string())
      *known = known->get<std::string>() + value.get<std::string>();
    else if (known->is_array() && value.is_array())
      known->insert(known->end(), value.begin(), value.end());
    else if (!value.is_null())
      *known = value;
  }
}

void AnswerIntake::finish_reason(const OrderedJson& object, std::string_view key) {
  finish_reason(text_at(object, key));
}

void AnswerIntake::finish_reason(std::string_view reason) {
  if (!reason.empty()) answer_.finish_reason = reason;
}

}  // namespace tasklane
