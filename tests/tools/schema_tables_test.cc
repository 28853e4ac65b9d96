// The JSON schemas of the configuration get their classes, dialects and lane settings from the program's
// tables, as a person's editor reads them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/schema/tables.h"

namespace tasklane::schema {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

OrderedJson written(std::string_view name) { return schema_of(*lane_setting(name)); }
OrderedJson of(std::string_view text) { return OrderedJson::parse(text); }

// The enumeration that stands in the place of a table's name.
std::vector<std::string> words_of(const std::string& table) {
  OrderedJson document{{"class", {{"$table", table}}}};
  EXPECT_TRUE(add_tables(document));
  return document.at("class").at("enum");
}

TEST(ASchemaOfLaneSettings, SaysHowEachKindIsWrittenAndWhatHoldsWithoutIt) {
  EXPECT_EQ(written("settle"), of(R"({"$ref": "#/definitions/duration", "default": "400ms",
                                      "description": "Wait for the chat that may be right behind"})"));
  EXPECT_EQ(written("preempt"),
            of(R"({"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 1000}],
                   "default": 3, "description": "How often a chat may cancel it; false: never"})"));
  EXPECT_EQ(written("cache"), of(R"({"oneOf": [{"const": false}, {"$ref": "#/definitions/duration"}],
                 "default": false, "description": "How long an answer serves for the same question again"})"));
  EXPECT_EQ(written("concurrency"), of(R"({"type": "integer", "minimum": 1, "maximum": 1000,
                                           "description": "Of the class on an upstream"})"));
  EXPECT_EQ(written("while_chat").at("enum"), of(R"(["answer", "hold"])"));
  EXPECT_EQ(written("while_chat").at("default"), "answer");
  EXPECT_EQ(written("lane").at("enum"), of(R"(["interactive", "blocking", "background", "keystroke"])"));
  EXPECT_EQ(written("align").at("type"), "boolean");
  EXPECT_EQ(written("rate").at("$ref"), "#/definitions/rate_limit");
  EXPECT_EQ(written("share").at("$ref"), "#/definitions/percent");
  EXPECT_FALSE(written("deadline").contains("default"));
}

TEST(ASchema, GetsATableWhereItNamesIt) {
  EXPECT_THAT(words_of("classes"), Contains("memory_review"));
  EXPECT_THAT(words_of("classes"), Contains("embedding"));
  EXPECT_THAT(words_of("classes of packs"), Contains("memory_review"));
  EXPECT_THAT(words_of("classes of packs"), Not(Contains("embedding")))
      << "embeddings are told by their path alone";
  EXPECT_THAT(words_of("dialects"), Contains("openai_responses"));
  OrderedJson among = of(R"({"properties": {"route": 1, "$table": "lane settings"}})");
  ASSERT_TRUE(add_tables(among));
  EXPECT_EQ(among.at("properties").at("route"), 1);
  EXPECT_EQ(among.at("properties").at("hold"), written("hold"));
  EXPECT_EQ(among.at("properties").size(), 1 + lane_setting_table.size());
}

TEST(ASchema, ThatNamesNoTableStaysAsItIs) {
  const OrderedJson plain = of(R"({"anyOf": [{"type": "string"}, {"minimum": 1}], "title": null})");
  OrderedJson document = plain;
  EXPECT_TRUE(add_tables(document));
  EXPECT_EQ(document, plain);
}

TEST(ASchema, IsNotMadeWithATableThatNobodyKnows) {
  OrderedJson document = of(R"({"anyOf": [{"$table": "lanes"}]})");
  const Result<void> added = add_tables(document);
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().what, HasSubstr("lanes"));
}

}  // namespace
}  // namespace tasklane::schema
