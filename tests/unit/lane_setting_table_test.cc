// What is known of a lane setting stands in one row, of which the JSON schema is made; the reference says the
// same. These fail where a new setting is missing there, and print what is to stand in it.
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

// What holds where a rule says nothing, as a rule would say it; null: nothing.
json default_of(const LaneSetting& setting) {
  static const json schema = [] {
    std::ifstream in(TASKLANE_BUILD_DIR "/schema/tasklane.schema.json");
    return json::parse(in).at("/definitions/then/properties"_json_pointer);
  }();
  return schema.at(std::string(setting.name)).value("default", json());
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
