// Texts that were cut within a character.
#include "shaper/base/surrogates.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tasklane {
namespace {

TEST(MendSurrogates, AHalfWithoutItsPartnerBecomesTheReplacementCharacter) {
  EXPECT_EQ(mend_surrogates(R"({"a":"x\ud83d"})"), R"({"a":"x\ufffd"})");
  EXPECT_EQ(mend_surrogates(R"(["\udE00 \uD83D\uD83d\ude00"])"), R"(["\ufffd \ufffd\uD83d\ude00"])");
  EXPECT_EQ(mend_surrogates(R"("\ud83d\n")"), R"("\ufffd\n")");
}

TEST(MendSurrogates, EverythingElseStays) {
  for (const char* text : {"", "{}", R"("\ud83d\ude00")", R"("\\ud83d")", R"("\\\\ud83d \u00e9 \n é")",
                           R"("\u12)", "\"\\", R"("\ud8)", R"("\uZZZZ")"})
    EXPECT_EQ(mend_surrogates(text), text) << text;
}

TEST(MendSurrogates, WhatWasRefusedIsReadAfterwards) {
  const std::string text = R"({"a":"\\\ud83d \ud83d\ude00"})";
  ASSERT_FALSE(nlohmann::json::accept(text));
  EXPECT_EQ(nlohmann::json::parse(mend_surrogates(text))["a"], "\\\xef\xbf\xbd \xf0\x9f\x98\x80");
}

}  // namespace
}  // namespace tasklane
