#include "shaper/rewrite/request_rewrite.h"

#include <utility>

#include "shaper/rewrite/json_body.h"

namespace tasklane {
namespace {

// RFC 7396 section 2, on a body whose keys keep their order.
void merge(OrderedJson& target, const nlohmann::json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = OrderedJson::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null())
      target.erase(key);
    else
      merge(target[key], value);
  }
}

}  // namespace

Result<std::optional<std::string>> rewrite_body(std::string_view body, const Then& then,
                                                const Upstream& upstream) {
  if (!then.patch && !upstream.model) return std::optional<std::string>();
  Result<OrderedJson> parsed = parse_object(body);
  if (!parsed) return parsed.error();
  OrderedJson json = std::move(*parsed);
  const OrderedJson before = json;
  if (then.patch) merge(json, *then.patch);
  if (upstream.model && json.contains("model")) json["model"] = *upstream.model;
  if (json == before) return std::optional<std::string>();
  return std::optional<std::string>(to_wire_json(json));
}

}  // namespace tasklane
