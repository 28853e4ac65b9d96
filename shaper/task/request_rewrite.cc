#include "shaper/task/request_rewrite.h"

#include <algorithm>
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

std::vector<std::optional<std::string>> rewritten_bodies(std::string_view body, const Then& then,
                                                         const std::vector<const Upstream*>& route) {
  std::vector<std::optional<std::string>> bodies(route.size());
  const bool changes = then.patch || std::any_of(route.begin(), route.end(), [](const Upstream* upstream) {
                         return upstream->model.has_value();
                       });
  if (!changes) return bodies;
  Result<OrderedJson> json = parse_object(body);
  if (!json) return bodies;
  for (std::size_t i = 0; i < route.size(); ++i) {
    OrderedJson made = i + 1 == route.size() ? std::move(*json) : *json;
    if (rewrite(made, then, *route[i])) bodies[i] = to_wire_json(made);
  }
  return bodies;
}

}  // namespace tasklane
