#include "tools/schema/tables.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shaper/dialect/dialect.h"

namespace tasklane::schema {
namespace {

OrderedJson reference(std::string_view definition) {
  return {{"$ref", "#/definitions/" + std::string(definition)}};
}

OrderedJson words(OrderedJson each) { return {{"enum", std::move(each)}}; }

// How each kind of setting is written; config_lane_settings.cc reads them so.
OrderedJson kind(const bool& /*preset*/, const LaneSetting& /*setting*/) { return {{"type", "boolean"}}; }
OrderedJson kind(const Duration& /*preset*/, const LaneSetting& /*setting*/) { return reference("duration"); }
OrderedJson kind(const WhileChat& /*preset*/, const LaneSetting& /*setting*/) {
  return words({"answer", "hold"});
}
OrderedJson kind(const std::optional<Lane>& /*preset*/, const LaneSetting& /*setting*/) {
  OrderedJson names = OrderedJson::array();
  for (const Lane lane : all_lanes) names.push_back(to_text(lane));
  return words(std::move(names));
}
OrderedJson kind(const std::optional<Duration>& /*preset*/, const LaneSetting& setting) {
  if (!setting.may_be_off) return reference("duration");
  return {{"oneOf", OrderedJson::array({{{"const", false}}, reference("duration")})}};
}
OrderedJson kind(const std::optional<unsigned>& /*preset*/, const LaneSetting& setting) {
  const OrderedJson number{{"type", "integer"}, {"minimum", setting.may_be_off ? 0 : 1}, {"maximum", 1000}};
  if (!setting.may_be_off) return number;
  return {{"anyOf", OrderedJson::array({{{"type", "boolean"}}, number})}};
}
OrderedJson kind(const std::optional<double>& /*preset*/, const LaneSetting& /*setting*/) {
  return reference("percent");
}
OrderedJson kind(const std::optional<RateLimit>& /*preset*/, const LaneSetting& /*setting*/) {
  return reference("rate_limit");
}

// What holds where a rule says nothing, as a rule would say it; null: it says so by leaving it out.
OrderedJson preset_of(const bool& value) { return value; }
OrderedJson preset_of(const Duration& value) { return value == Duration{} ? "0s" : to_text(value); }
OrderedJson preset_of(const WhileChat& value) { return value == WhileChat::answer ? "answer" : "hold"; }
OrderedJson preset_of(const unsigned& value) { return value; }
template <class Value>
OrderedJson preset_of(const std::optional<Value>& value) {
  if constexpr (std::is_same_v<Value, unsigned> || std::is_same_v<Value, Duration>)
    if (value) return preset_of(*value);
  return nullptr;
}

// `but`: those that a file of this kind cannot name.
OrderedJson class_names(std::initializer_list<RequestClass> but) {
  OrderedJson names = OrderedJson::array();
  for (const RequestClass each : all_request_classes)
    if (std::find(but.begin(), but.end(), each) == but.end()) names.push_back(to_text(each));
  return words(std::move(names));
}

OrderedJson dialect_names() {
  OrderedJson names = OrderedJson::array();
  for (const DialectRow* row : dialect_table) names.push_back(row->name);
  return words(std::move(names));
}

OrderedJson lane_settings() {
  OrderedJson members = OrderedJson::object();
  for (const LaneSetting& setting : lane_setting_table)
    members[std::string(setting.name)] = schema_of(setting);
  return members;
}

// Null: there is no table of that name.
OrderedJson members_of(std::string_view table) {
  if (table == "classes") return class_names({});
  // These two are told by their path alone, which a pack does not look at.
  if (table == "classes of packs") return class_names({RequestClass::embedding, RequestClass::admin});
  if (table == "dialects") return dialect_names();
  if (table == "lane settings") return lane_settings();
  return nullptr;
}

}  // namespace

OrderedJson schema_of(const LaneSetting& setting) {
  const LaneSettings fresh;
  const auto about = [&](auto place) {
    return std::pair(kind(fresh.*place, setting), preset_of(fresh.*place));
  };
  auto [schema, preset] = std::visit(about, setting.place);
  if (preset.is_null() && setting.may_be_off) preset = false;
  if (!preset.is_null()) schema["default"] = preset;
  schema["description"] = setting.help;
  return schema;
}

Result<void> add_tables(OrderedJson& document) {
  if (!document.is_structured()) return {};
  OrderedJson whole = document.is_array() ? OrderedJson::array() : OrderedJson::object();
  for (auto& [name, value] : document.items()) {
    if (name == "$table") {
      const OrderedJson members = members_of(value.get_ref<const std::string&>());
      if (members.is_null()) return Error{"no table is called " + value.dump(), "", ""};
      whole.update(members);
      continue;
    }
    if (const Result<void> done = add_tables(value); !done) return done;
    if (document.is_array())
      whole.push_back(std::move(value));
    else
      whole[name] = std::move(value);
  }
  document = std::move(whole);
  return {};
}

}  // namespace tasklane::schema
