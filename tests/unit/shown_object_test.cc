// What a prompt shows as its answer, and whether it asks for exactly the contract of a class.
#include "shaper/classify/shown_object.h"

#include <gtest/gtest.h>

#include <string>

#include "shaper/classify/match.h"

namespace tasklane {
namespace {

std::optional<RequestClass> asked(std::string_view text) { return exact_contract({text}); }

TEST(AnExactContract, IsAnObjectWithTheOneKeyOfItsClass) {
  EXPECT_EQ(asked("Answer as JSON: {\"title\": \"...\"}"), RequestClass::title);
  EXPECT_EQ(asked("{ \"tags\": [\"tag1\", \"tag2\"] }"), RequestClass::tags);
  EXPECT_EQ(asked("{\n  \"follow_ups\": []\n}"), RequestClass::follow_up);
  EXPECT_EQ(asked("{\"queries\": [...]} please"), RequestClass::query);
}

TEST(AnExactContract, IsReadInAnyQuotesAndWithPlaceholders) {
  EXPECT_EQ(asked("{'title': 'short'}"), RequestClass::title);
  EXPECT_EQ(asked("{\u201ctitle\u201d: \u201cshort\u201d}"), RequestClass::title);
  EXPECT_EQ(asked("{\\\"title\\\": \\\"short\\\"}"), RequestClass::title);
  EXPECT_EQ(asked("{\"title\": <title>}"), RequestClass::title);
  EXPECT_EQ(asked("{\"tags\": string[]}"), RequestClass::tags);
  EXPECT_EQ(asked("{\"title\": \"the \"best\" one\"}"), RequestClass::title);
  EXPECT_EQ(asked("{\"tags\": [\"a\", \"b\",]}"), RequestClass::tags);
}

TEST(AnExactContract, MayBeShownMoreThanOnce) {
  EXPECT_EQ(asked("- { \"title\": \"A\" },\n- { \"title\": \"B\" }\nJSON: {\"title\": \"x\"}"),
            RequestClass::title);
}

TEST(AnExactContract, HasNothingMoreInIt) {
  EXPECT_FALSE(asked("{\"title\": \"...\", \"sections\": [{\"heading\": \"...\"}]}"));
  EXPECT_FALSE(asked("{\"title\": \"...\", \"author\": \"...\", \"date\": \"...\"}"));
  EXPECT_FALSE(asked("{\"emoji\": \"...\", \"title\": \"...\"}"));
  EXPECT_FALSE(asked("{\"title\": \"x\"} of {\"author\": \"y\"}")) << "two objects, two wishes";
  EXPECT_FALSE(asked("{\"title\": \"x\"} or {\"tags\": []}"));
  EXPECT_FALSE(asked("{\"title\": \"x\", ")) << "nobody knows what follows";
}

TEST(AnExactContract, IsOfItsClassesType) {
  EXPECT_FALSE(asked("{\"title\": [\"a\", \"b\"]}"));
  EXPECT_FALSE(asked("{\"tags\": \"a, b\"}"));
  EXPECT_FALSE(asked("{\"queries\": [{\"q\": \"a\"}]}"));
  EXPECT_FALSE(asked("{\"title\": 7}"));
  EXPECT_FALSE(asked("{\"title\": {\"de\": \"a\"}}"));
}

TEST(AnExactContract, IsNoElementOfAnArray) {
  EXPECT_FALSE(asked("[{\"title\": \"a\"}, {\"title\": \"b\"}]"));
  EXPECT_FALSE(asked("a JSON array of {\"title\": \"...\"}"));
  EXPECT_FALSE(asked("Return a list of objects: {\"title\": \"...\"}"));
}

TEST(AnExactContract, OfKeysThatAreAnybodysIsNone) {
  EXPECT_FALSE(asked("{\"text\": \"<translation>\"}"));
  EXPECT_FALSE(asked("{\"prompt\": \"...\"}"));
  EXPECT_FALSE(asked("{\"selected_model_id\": \"id\"}"));
  EXPECT_FALSE(asked("the key \"title\" in JSON"));
}

TEST(APacksMark, ObeysTheContractToo) {
  EXPECT_TRUE(
      asks_exactly("{\"tool_calls\": [{\"name\": \"t\", \"parameters\": {\"k\": \"v\"}}]}", "tool_calls"));
  EXPECT_TRUE(asks_exactly("{\"text\": \"...\"}", "text"));
  EXPECT_FALSE(asks_exactly("{\"reply\": \"...\", \"tool_calls\": []}", "tool_calls"));
  EXPECT_FALSE(asks_exactly("{\"title\": \"...\", \"author\": \"...\"}", "title"));
  EXPECT_FALSE(asks_exactly("{\"text\": \"a\", \"lang\": \"b\"}", "text"));
  EXPECT_TRUE(
      asks_exactly("[{\"name\": \"clock\", \"title\": \"Clock\"}]\n{\"tool_calls\": []}", "tool_calls"))
      << "what else the prompt shows is not asked for";
}

TEST(ShownObjects, EndWhateverStandsInTheText) {
  for (const char* text : {"{", "{{", "{\"", "{\"a\":", "{\"a\":[", "{\"a\":[{", "{\"a\":{\"b\":{", "}{",
                           "{\"a\"}", "{{MESSAGES:END:2|middletruncate:500}}", "{\"a\":[,,", "{\"a\":[)]}"})
    shown_objects(text);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{\"a\":[";
  shown_objects(deep);
}

}  // namespace
}  // namespace tasklane
