// What is known of a lane setting stands in one row; the JSON schema and the reference say the same. These
// fail where a new setting is missing somewhere, and print what is to stand there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "shaper/decide/lane_settings.h"
#include "support/documents.h"

namespace tasklane {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json written(bool value) { return value; }
json written(WhileChat value) { return value == WhileChat::answer ? "answer" : "hold"; }
json written(unsigned value) { return value; }
json written(Duration value) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}
// Those that a rule may leave empty, and that are empty where it says nothing.
template <class Value>
json written(const std::optional<Value>& value) {
  if constexpr (std::is_same_v<Value, unsigned> || std::is_same_v<Value, Duration>)
    if (value) return written(*value);
  EXPECT_FALSE(value.has_value()) << "how is it written?";
  return nullptr;
}

// What holds where a rule says nothing, as a rule would say it; null: nothing.
json default_of(const LaneSetting& setting) {
  const LaneSettings fresh;
  const json value = std::visit([&](auto place) { return written(fresh.*place); }, setting.place);
  return value.is_null() && setting.may_be_off ? json(false) : value;
}

// How the schema says what kind of value it is, for the kinds that many settings share; null: another kind.
json kind_of(const LaneSetting& setting) {
  const json duration{{"$ref", "#/definitions/duration"}};
  if (std::holds_alternative<bool LaneSettings::*>(setting.place)) return {{"type", "boolean"}};
  if (std::holds_alternative<Duration LaneSettings::*>(setting.place)) return duration;
  if (!std::holds_alternative<std::optional<Duration> LaneSettings::*>(setting.place)) return nullptr;
  if (!setting.may_be_off) return duration;
  return {{"oneOf", json::array({json{{"const", false}}, duration})}};
}

TEST(TheTableOfLaneSettings, NamesEachOnceAndSaysWhatItIsFor) {
  std::set<std::string_view> names;
  for (const LaneSetting& setting : lane_setting_table) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_EQ(lane_setting(setting.name), &setting);
    EXPECT_FALSE(setting.help.empty()) << setting.name;
  }
  EXPECT_EQ(lane_setting("setle"), nullptr);
}

TEST(TheTableOfLaneSettings, IsWhatTheSchemaSays) {
  std::ifstream in(TASKLANE_SOURCE_DIR "/config/tasklane.schema.json");
  json known = json::parse(in).at("definitions").at("then").at("properties");
  for (const char* of_another_kind : {"route", "patch"}) known.erase(of_another_kind);
  for (const LaneSetting& setting : lane_setting_table) {
    json expected = kind_of(setting);
    const json preset = default_of(setting);
    expected["description"] = setting.help;
    if (!preset.is_null()) expected["default"] = preset;
    const std::string name(setting.name);
    ASSERT_TRUE(known.contains(name)) << "the schema wants \"" << name << "\": " << expected.dump();
    json said = known.at(name);
    if (kind_of(setting).is_null())
      std::erase_if(said.get_ref<json::object_t&>(),
                    [&](const auto& each) { return each.first != "description" && each.first != "default"; });
    EXPECT_EQ(said, expected) << name;
    known.erase(name);
  }
  EXPECT_EQ(known, json::object()) << "the program knows no such setting";
}

TEST(TheTableOfLaneSettings, IsWhatTheReferenceSays) {
  std::set<std::string> documented;
  for (const auto& cells : test::documented_table("lane settings"))
    for (const std::string& name : test::marked_words(cells.at(0))) {
      const LaneSetting* const setting = lane_setting(name);
      ASSERT_NE(setting, nullptr) << "the program knows no setting '" << name << "'";
      EXPECT_TRUE(documented.insert(name).second) << name << " stands there twice";
      const json preset = default_of(*setting);
      if (preset.is_null()) continue;
      const std::string text = preset.is_string() ? preset.get<std::string>() : preset.dump();
      EXPECT_THAT(cells.at(1), HasSubstr("(" + text)) << name << " does not say what holds without it";
    }
  for (const LaneSetting& setting : lane_setting_table)
    EXPECT_TRUE(documented.contains(std::string(setting.name)))
        << "the table wants a row: | `" << setting.name << "` | " << setting.help << " |";
}

}  // namespace
}  // namespace tasklane
