#include "shaper/dialect/canonical.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "shaper/dialect/json_body.h"
#include "shaper/dialect/neutral.h"

namespace tasklane {
namespace {

using SortedJson = nlohmann::json;  // sorts its keys

constexpr std::array<std::string_view, 5> without{"model", "stream", "stream_options", "keep_alive",
                                                  "chat_id"};

// [{"type":"text","text":"x"}] says the same as "x".
const OrderedJson* lone_text(const OrderedJson& content) {
  if (!content.is_array() || content.size() != 1 || !content[0].is_object() || content[0].size() != 2)
    return nullptr;
  const OrderedJson* type = member(content[0], "type");
  const OrderedJson* text = member(content[0], "text");
  return type != nullptr && *type == "text" && text != nullptr && text->is_string() ? text : nullptr;
}

SortedJson canonical(const OrderedJson& value) {
  if (value.is_object()) {
    SortedJson object = SortedJson::object();
    for (const auto& [key, entry] : value.items()) {
      if (entry.is_null()) continue;
      const OrderedJson* text = key == "content" ? lone_text(entry) : nullptr;
      object[key] = canonical(text != nullptr ? *text : entry);
    }
    return object;
  }
  if (value.is_array()) {
    SortedJson array = SortedJson::array();
    for (const OrderedJson& entry : value) array.push_back(canonical(entry));
    return array;
  }
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_number()) return nullptr;
  const double number = value.get<double>();
  if (value.is_number_float() && std::nearbyint(number) == number && std::fabs(number) < 1e15)
    return static_cast<std::int64_t>(number);
  if (value.is_number_float()) return number;
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  return value.get<std::int64_t>();
}

}  // namespace

Canonical::Canonical(std::uint64_t secret_low, std::uint64_t secret_high) {
  const std::array<std::uint64_t, 2> seed{secret_low, secret_high};
  XXH3_generateSecret(secret_.data(), secret_.size(), seed.data(), sizeof seed);
}

CanonicalKey Canonical::key_of(Tenant tenant, RequestClass request_class, Dialect dialect,
                               std::string_view model, const OrderedJson& body) const {
  SortedJson json = canonical(body);
  for (const std::string_view key : without) json.erase(std::string(key));
  if (const auto options = json.find("options"); options != json.end() && options->empty())
    json.erase(options);
  const std::optional<SortedJson> said = neutral(json, dialect);
  const SortedJson whole = SortedJson::array({tenant.value(), std::string(to_text(request_class)),
                                              said ? std::string() : std::string(to_text(dialect)),
                                              std::string(model), said.value_or(json)});
  const std::string text = whole.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(text.data(), text.size(), secret_.data(), secret_.size());
  return {hash.low64, hash.high64};
}

}  // namespace tasklane
