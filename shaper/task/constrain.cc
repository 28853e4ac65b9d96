#include "shaper/task/constrain.h"

#include <algorithm>
#include <array>

#include "shaper/dialect/contract.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

// Fields by which one or the other server takes the form of an answer.
constexpr std::array<std::string_view, 9> own_formats{
    "format",       "response_format", "grammar",       "json_schema",       "guided_json",
    "guided_regex", "guided_grammar",  "guided_choice", "structured_outputs"};

// Null and "" are none.
bool carries(const OrderedJson& body, std::string_view key) {
  const OrderedJson* value = member(body, key);
  return value != nullptr && *value != OrderedJson("");
}

bool takes_schema(const OrderedJson& body, Dialect dialect) {
  if (dialect_row(dialect).put_schema == nullptr) return false;
  if (carries(body, "tools") || carries(body, "functions")) return false;
  return std::none_of(own_formats.begin(), own_formats.end(),
                      [&](std::string_view key) { return carries(body, key); });
}

void drop_bounds(OrderedJson& schema) {
  if (schema.is_object())
    for (const char* key : {"minLength", "maxLength", "minItems", "maxItems"}) schema.erase(key);
  if (!schema.is_structured()) return;
  for (OrderedJson& each : schema) drop_bounds(each);
}

bool put_schema(OrderedJson& body, Dialect dialect, RequestClass request_class, SchemaBounds bounds) {
  const std::string_view text = class_row(request_class).schema;
  if (text.empty() || !takes_schema(body, dialect)) return false;
  OrderedJson schema = OrderedJson::parse(text);
  if (bounds == SchemaBounds::none) drop_bounds(schema);
  return dialect_row(dialect).put_schema(body, to_text(request_class), std::move(schema));
}

bool put_cap(OrderedJson& body, Dialect dialect, RequestClass request_class, bool json_contract) {
  const std::int64_t cap = token_cap(request_class, json_contract);
  const std::int64_t tokens = std::min(cap, token_limit(body, dialect).value_or(cap));
  const OrderedJson before = body;
  set_token_limit(body, dialect, tokens);
  return body != before;
}

bool stop_thinking(OrderedJson& body, Dialect dialect) {
  const auto stop = dialect_row(dialect).stop_thinking;
  return stop != nullptr && stop(body);
}

}  // namespace

std::int64_t token_cap(RequestClass request_class, bool json_contract) {
  const TokenCap& cap = class_row(request_class).cap;
  return json_contract ? cap.json : cap.plain;
}

Constraints constrain(OrderedJson& body, Dialect dialect, RequestClass request_class, bool json_contract,
                      Constraints wanted, SchemaBounds bounds) {
  Constraints applied{false, false, false};
  if (token_cap(request_class, json_contract) == 0) return applied;
  applied.schema = wanted.schema && json_contract && put_schema(body, dialect, request_class, bounds);
  applied.cap = wanted.cap && put_cap(body, dialect, request_class, json_contract);
  applied.no_thinking = wanted.no_thinking && stop_thinking(body, dialect);
  return applied;
}

}  // namespace tasklane
