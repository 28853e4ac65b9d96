// The packs that come with the program hold requests of known front ends, and know them from chats.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"
#include "support/json_schema.h"

namespace tasklane {
namespace {

using testing::HasSubstr;

TEST(Pack, EachBuiltInPackIsReadWithoutComplaint) {
  for (const auto& file : std::filesystem::directory_iterator(TASKLANE_SOURCE_DIR "/config/packs")) {
    if (file.path().extension() != ".json") continue;
    const std::string name = file.path().stem().string();
    const auto found = find_packs({name}, {});
    ASSERT_TRUE(found.has_value()) << found.error().text();
    EXPECT_EQ(found->front()->name, name);
    EXPECT_FALSE(found->front()->entries.empty());
  }
}

class PackSchema : public testing::Test {
 protected:
  [[nodiscard]] bool allows(const nlohmann::json& pack) const { return schema_.allows(pack); }
  const test::JsonSchema schema_{"pack.schema.json"};
};

TEST_F(PackSchema, AllowsThePacksThatComeWithTheProgram) {
  for (const char* name : {"open-webui", "librechat"})
    EXPECT_TRUE(allows(nlohmann::json::parse(builtin_pack(name).value()))) << name;
}

TEST_F(PackSchema, ForbidsWhatTheProgramRefuses) {
  auto pack = nlohmann::json::parse(builtin_pack("open-webui").value());
  auto unknown_key = pack;
  unknown_key["entires"] = nlohmann::json::array();
  EXPECT_FALSE(allows(unknown_key));
  auto unknown_place = pack;
  unknown_place["entries"][0]["marks"][0]["where"] = "begin";
  EXPECT_FALSE(allows(unknown_place));
  auto two_kinds = pack;
  two_kinds["entries"][0]["marks"][0] = {{"where", "start"}, {"text", "x"}, {"pattern", "y"}};
  EXPECT_FALSE(allows(two_kinds));
  pack["entries"][0]["class"] = "titel";
  EXPECT_FALSE(allows(pack));
}

TEST(Pack, AFileInADirectoryGoesBeforeTheBuiltInPack) {
  const auto directory = std::filesystem::path(testing::TempDir()) / "packs-before-built-in";
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "open-webui.json")
      << R"({"format":1,"pack":"open-webui","version":"mine","entries":[]})";
  const auto found = find_packs({"open-webui"}, {directory});
  ASSERT_TRUE(found.has_value()) << found.error().text();
  EXPECT_EQ(found->front()->version, "mine");
  std::filesystem::remove_all(directory);
}

TEST(Pack, AnUnknownNameIsAnErrorThatSaysWhereItLooked) {
  const auto found = find_packs({"no-such-pack"}, {"/nowhere"});
  ASSERT_FALSE(found.has_value());
  EXPECT_THAT(found.error().text(), HasSubstr("no-such-pack"));
  EXPECT_THAT(found.error().text(), HasSubstr("/nowhere"));
  EXPECT_FALSE(find_packs({"../packs/open-webui"}, {TASKLANE_SOURCE_DIR "/config/packs"}).has_value());
}

struct BadPack {
  const char* what;
  const char* text;
  const char* says;
};

class BadPacks : public testing::TestWithParam<BadPack> {};

TEST_P(BadPacks, AreRefusedWithPlaceAndReason) {
  const auto pack = parse_pack(GetParam().text, "p.json");
  ASSERT_FALSE(pack.has_value());
  EXPECT_THAT(pack.error().text(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPacks,
    testing::Values(
        BadPack{"no_json", "{\n\n  nope", "p.json:3"},
        BadPack{"unknown_key", "{\"format\":1,\"pack\":\"p\",\"version\":\"1\",\n\"entires\":[]}",
                "p.json:2:11: /entires: unknown key \"entires\""},
        BadPack{"other_format", R"({"format":2,"pack":"p","version":"1"})",
                "/format: this program reads format 1"},
        BadPack{"no_name", R"({"format":1,"version":"1"})", "\"pack\" is missing"},
        BadPack{"unknown_class",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"titel",
                    "marks":[{"where":"start","text":"x"}]}]})",
                "/entries/0/class: unknown class \"titel\""},
        BadPack{"no_marks",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title"}]})",
                "an entry without marks matches every request"},
        BadPack{"two_kinds",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title",
                    "marks":[{"where":"start","text":"x","pattern":"y"}]}]})",
                ": /entries/0/marks/0: a mark has exactly one of"},
        BadPack{"unknown_place",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title",
                    "marks":[{"where":"begin","text":"x"}]}]})",
                "unknown place \"begin\""},
        BadPack{"look_ahead",
                R"j({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title",
                    "marks":[{"where":"start","pattern":"a(?=b)"}]}]})j",
                "RE2 syntax"},
        BadPack{"empty_mark",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title",
                    "marks":[{"where":"start","text":""}]}]})",
                "an empty mark matches everything"},
        BadPack{"same_name",
                R"({"format":1,"pack":"p","version":"1","entries":[
                    {"name":"a","class":"title","marks":[{"where":"start","text":"x"}]},
                    {"name":"a","class":"tags","marks":[{"where":"start","text":"y"}]}]})",
                ": /entries/1/name: a second entry of this name"},
        BadPack{
            "shipped_is_no_print",
            R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title","shipped":["12"],
                    "marks":[{"where":"start","text":"x"}]}]})",
            ": /entries/0/shipped/0: sixteen hexadecimal digits are expected"},
        BadPack{"score_out_of_range",
                R"({"format":1,"pack":"p","version":"1","entries":[{"name":"a","class":"title","score":3,
                    "marks":[{"where":"start","text":"x"}]}]})",
                "a number from 0 to 1"}),
    [](const auto& one) { return one.param.what; });

}  // namespace
}  // namespace tasklane
