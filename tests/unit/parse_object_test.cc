// A body is read by the fast parser where that takes it, else by the slow one: nobody can tell which it was.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

// As the slow parser alone reads and writes it.
std::string slowly(const std::string& text) { return to_wire_json(OrderedJson::parse(text)); }

class WhatBothParsersRead : public testing::TestWithParam<const char*> {};

TEST_P(WhatBothParsersRead, IsTheSame) {
  const Result<OrderedJson> json = parse_object(GetParam());
  ASSERT_TRUE(json);
  EXPECT_EQ(to_wire_json(*json), slowly(GetParam()));
  EXPECT_EQ(*json, OrderedJson::parse(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Table, WhatBothParsersRead,
                         testing::Values(R"({})", R"( {"z":1,"a":[],"m":{"y":null,"b":[true,false,"x"]}} )",
                                         R"({"n":[0,-0,-1,9223372036854775808,1.0,1e2,0.1,-2.5e-7]})",
                                         R"({"beyond":[18446744073709551616,-9223372036854775809]})",
                                         R"({"twice":{"a":1},"b":2,"twice":[3]})",
                                         R"({"escapes":"\u0000\u00e9\ud83d\ude00\n\"","é":"日本"})"));

TEST(ParseObject, MendsALoneSurrogate) {
  const Result<OrderedJson> json = parse_object(R"({"a":"x\ud83d"})");
  ASSERT_TRUE(json);
  EXPECT_TRUE((*json)["a"].get<std::string>().starts_with("x"));
}

TEST(ParseObject, TakesNoMoreThan256Levels) {
  const auto nested = [](std::size_t levels) {
    return R"({"a":)" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  EXPECT_TRUE(parse_object(nested(256)));
  EXPECT_FALSE(parse_object(nested(257)));
  EXPECT_FALSE(parse_object(nested(5000)));
}

TEST(ParseObject, TakesNothingButAnObject) {
  for (const char* text : {"", "[]", "1", R"({"a":1)", R"({"a":1}{})", "{\"a\":\"\xff\"}"})
    EXPECT_FALSE(parse_object(text)) << text;
}

TEST(ObjectReader, ReadsOneTextAfterTheOther) {
  ObjectReader reader;
  EXPECT_EQ((*reader.read(R"({"a":"first"})"))["a"], "first");
  EXPECT_FALSE(reader.read("no object"));
  EXPECT_EQ((*reader.read(R"({"a":"second, and longer"})"))["a"], "second, and longer");
}

}  // namespace
}  // namespace tasklane
