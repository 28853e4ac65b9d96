#include "shaper/rewrite/request_rewrite.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace tasklane {
namespace {

using OrderedJson = nlohmann::ordered_json;

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
  OrderedJson json = OrderedJson::parse(body, nullptr, false);
  if (!json.is_object()) return Error{"the body is no JSON object", "", "it is forwarded as it came"};
  const OrderedJson before = json;
  if (then.patch) merge(json, *then.patch);
  if (upstream.model && json.contains("model")) json["model"] = *upstream.model;
  if (json == before) return std::optional<std::string>();
  return std::optional<std::string>(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

}  // namespace tasklane
