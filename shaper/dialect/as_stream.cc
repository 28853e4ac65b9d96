#include "shaper/dialect/as_stream.h"

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

bool set(const OrderedJson& body, std::string_view key) {
  const OrderedJson* value = member(body, key);
  return value != nullptr && *value != false && *value != 0;
}

bool more_than_one(const OrderedJson& body, std::string_view key) {
  const OrderedJson* value = member(body, key);
  return value != nullptr && value->is_number() && value->get<double>() > 1;
}

}  // namespace

Result<std::optional<std::string>> as_stream(std::string_view body, Dialect dialect) {
  auto parsed = parse_object(body);
  if (!parsed) return parsed.error();
  OrderedJson& json = *parsed;
  const OrderedJson* stream = member(json, "stream");
  const bool streamed = stream == nullptr ? is_ollama(dialect) : *stream == true;
  if (streamed) return std::optional<std::string>();
  for (const std::string_view key : {"n", "best_of"})
    if (more_than_one(json, key))
      return Error{"several answers are asked for", "/" + std::string(key), "it is forwarded as it came"};
  for (const std::string_view key : {"logprobs", "top_logprobs", "echo"})
    if (set(json, key))
      return Error{"more than the answer's text is asked for", "/" + std::string(key),
                   "it is forwarded as it came"};
  ask_for_stream(json, dialect);
  return std::optional<std::string>(to_wire_json(json));
}

}  // namespace tasklane
