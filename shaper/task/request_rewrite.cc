#include "shaper/task/request_rewrite.h"

#include <utility>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

bool replace(OrderedJson& target, OrderedJson value) {
  if (target == value) return false;
  target = std::move(value);
  return true;
}

// RFC 7396 section 2, on a body whose keys keep their order. Whether it changed anything.
bool merge(OrderedJson& target, const nlohmann::json& patch) {
  if (!patch.is_object()) return replace(target, patch);
  bool changed = !target.is_object();
  if (changed) target = OrderedJson::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null())
      changed |= target.erase(key) > 0;
    else
      changed |= merge(target[key], value);
  }
  return changed;
}

}  // namespace

bool rewrite(OrderedJson& body, const Then& then, const Upstream& upstream) {
  bool changed = then.patch && merge(body, *then.patch);
  if (upstream.model && body.contains("model")) changed |= replace(body["model"], *upstream.model);
  return changed;
}

Result<std::optional<std::string>> rewrite_body(std::string_view body, const Then& then,
                                                const Upstream& upstream) {
  if (!then.patch && !upstream.model) return std::optional<std::string>();
  Result<OrderedJson> json = parse_object(body);
  if (!json) return json.error();
  if (!rewrite(*json, then, upstream)) return std::optional<std::string>();
  return std::optional<std::string>(to_wire_json(*json));
}

}  // namespace tasklane
