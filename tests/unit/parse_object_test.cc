// A body is read by the fast parser where that takes it, else by the slow one: nobody can tell which it was.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

// As the library reads and writes it.
std::string slowly(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

class WhatBothParsersRead : public testing::TestWithParam<const char*> {};

TEST_P(WhatBothParsersRead, IsTheSame) {
  const Result<OrderedJson> json = parse_object(GetParam());
  ASSERT_TRUE(json);
  EXPECT_EQ(to_wire_json(*json), slowly(OrderedJson::parse(GetParam())));
  EXPECT_EQ(*json, OrderedJson::parse(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Table, WhatBothParsersRead,
                         testing::Values(R"({})", R"( {"z":1,"a":[],"m":{"y":null,"b":[true,false,"x"]}} )",
                                         R"({"n":[0,-0,-1,9223372036854775808,1.0,1e2,0.1,-2.5e-7]})",
                                         R"({"beyond":[18446744073709551616,-9223372036854775809]})",
                                         R"({"twice":{"a":1},"b":2,"twice":[3]})",
                                         R"({"escapes":"\u0000\u00e9\ud83d\ude00\n\"","é":"日本"})"));

TEST(WireJson, IsWhatTheLibraryWritesOfAnyByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    const OrderedJson json{{"a\n", "b" + std::string(1, static_cast<char>(byte)) + "c"}};
    EXPECT_EQ(to_wire_json(json), slowly(json)) << byte;
  }
  EXPECT_EQ(to_wire_json(all), slowly(all));
  EXPECT_EQ(to_wire_json(all.substr(0, 128)), slowly(all.substr(0, 128)));
}

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
