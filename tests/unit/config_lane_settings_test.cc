// What a rule says of a task's lane, and how wrong settings are refused; the schema agrees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "shaper/decide/config.h"
#include "support/json_schema.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string with_then(const std::string& then) {
  return R"({"version": 1, "intercept": [{"port": 1}], "rules": [{"name": "mine", "then": )" + then + "}]}";
}

// The settings of a rule that program and schema accept.
Then accepted(const std::string& then) {
  static const test::JsonSchema schema("tasklane.schema.json");
  EXPECT_TRUE(schema.allows(nlohmann::json::parse(with_then(then)))) << then;
  const auto config = parse_config(with_then(then), "x");
  EXPECT_TRUE(config.has_value()) << config.error().text();
  return config ? config->rules.at(0).then : Then{};
}

TEST(LaneSettings, ARuleThatNamesNoneLeavesTheLanesAlone) {
  EXPECT_FALSE(accepted(R"({"route": "original"})").laned);
  EXPECT_TRUE(accepted(R"({"settle": "0s"})").laned);
}

TEST(LaneSettings, WhatIsNotSaidIsAsTheDesignSays) {
  const LaneSettings settings = accepted(R"({"lane": "background"})").settings;
  EXPECT_EQ(settings.lane, Lane::background);
  EXPECT_EQ(settings.settle, 400ms);
  EXPECT_TRUE(settings.hold);
  EXPECT_EQ(settings.quiet, 1500ms);
  EXPECT_EQ(settings.max_wait, 30s);
  EXPECT_EQ(settings.preempt, 3u);
  EXPECT_TRUE(settings.slices);
  EXPECT_FALSE(settings.answer);
  EXPECT_FALSE(settings.rate);
  EXPECT_FALSE(settings.deadline);
}

TEST(LaneSettings, EachArrives) {
  const LaneSettings settings = accepted(R"({
      "lane": "keystroke", "settle": "1s", "hold": false, "quiet": "2s", "max_wait": "1m", "preempt": 7,
      "slices": false,
      "debounce": "50ms", "supersede": false, "type_ahead": false, "while_chat": "hold", "coalesce": false,
      "cache": "90s",
      "rate": {"per": "model", "limit": "30/m", "burst": 4, "over": "reject"}, "concurrency": 2, "share": "2.5%",
      "deadline": "3s", "answer": true, "constrain": true, "align": true})")
                                    .settings;
  EXPECT_EQ(settings.lane, Lane::keystroke);
  EXPECT_EQ(settings.settle, 1s);
  EXPECT_FALSE(settings.hold);
  EXPECT_EQ(settings.quiet, 2s);
  EXPECT_EQ(settings.max_wait, 1min);
  EXPECT_EQ(settings.preempt, 7u);
  EXPECT_FALSE(settings.slices);
  EXPECT_EQ(settings.debounce, 50ms);
  EXPECT_FALSE(settings.supersede);
  EXPECT_FALSE(settings.type_ahead);
  EXPECT_EQ(settings.while_chat, WhileChat::hold);
  EXPECT_FALSE(settings.coalesce);
  EXPECT_EQ(settings.cache, 90s);
  ASSERT_TRUE(settings.rate);
  EXPECT_EQ(settings.rate->per, RatePer::model);
  EXPECT_DOUBLE_EQ(settings.rate->limit.per_second, 0.5);
  EXPECT_DOUBLE_EQ(settings.rate->burst, 4);
  EXPECT_EQ(settings.rate->over, OverRate::reject);
  EXPECT_EQ(settings.concurrency, 2u);
  ASSERT_TRUE(settings.share);
  EXPECT_DOUBLE_EQ(*settings.share, 0.025);
  EXPECT_EQ(settings.deadline, 3s);
  EXPECT_TRUE(settings.answer);
  EXPECT_TRUE(settings.constrain);
  EXPECT_TRUE(settings.align);
}

TEST(LaneSettings, NothingIsCachedUnlessARuleSaysHowLong) {
  EXPECT_EQ(accepted(R"({"lane": "background"})").settings.cache, std::nullopt);
  EXPECT_EQ(accepted(R"({"cache": false})").settings.cache, std::nullopt);
}

TEST(LaneSettings, PreemptIsOffByFalseAndANumberOfTimesElse) {
  EXPECT_EQ(accepted(R"({"preempt": false})").settings.preempt, std::nullopt);
  EXPECT_EQ(accepted(R"({"preempt": true})").settings.preempt, 3u);
  EXPECT_EQ(accepted(R"({"preempt": 0})").settings.preempt, 0u);
}

struct BadSetting {
  std::string name;
  std::string then;
  std::string says;
  bool schema_refuses = true;
};
void PrintTo(const BadSetting& bad, std::ostream* out) { *out << bad.then; }

class BadLaneSetting : public testing::TestWithParam<BadSetting> {};

TEST_P(BadLaneSetting, IsRefusedWithItsPlace) {
  const auto config = parse_config(with_then(GetParam().then), "x");
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error().text(), HasSubstr(GetParam().says));
  EXPECT_EQ(
      !test::JsonSchema("tasklane.schema.json").allows(nlohmann::json::parse(with_then(GetParam().then))),
      GetParam().schema_refuses);
}

std::string name_of(const testing::TestParamInfo<BadSetting>& bad) { return bad.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Each, BadLaneSetting,
    testing::Values(
        BadSetting{"Lane", R"({"lane": "backround"})",
                   "/rules/0/then/lane: rule 'mine': unknown word 'backround' (did you mean 'background'?"},
        BadSetting{"Settle", R"({"settle": 400})", "/then/settle: rule 'mine': must be a text in quotes"},
        BadSetting{"Hold", R"({"hold": "yes"})", "/then/hold: rule 'mine': must be true or false"},
        BadSetting{"Quiet", R"({"quiet": "1500"})", "/then/quiet: rule 'mine': '1500' has no unit"},
        BadSetting{"Preempt", R"({"preempt": -1})",
                   "/then/preempt: rule 'mine': -1 is not a whole number from 0"},
        BadSetting{"WhileChat", R"({"while_chat": "drop"})", "unknown word 'drop' (known are: answer, hold)"},
        BadSetting{"RateWithoutLimit", R"({"rate": {"per": "client"}})",
                   "/then/rate: rule 'mine': 'limit' is missing"},
        BadSetting{"RateUnit", R"({"rate": {"limit": "2/d"}})",
                   "/then/rate/limit: rule 'mine': '2/d' has the unknown unit"},
        BadSetting{"RateOfNothing", R"({"rate": {"limit": "0/s"}})", "a rate of nothing lets nothing through",
                   false},
        BadSetting{"RatePer", R"({"rate": {"limit": "2/s", "per": "person"}})", "unknown word 'person'"},
        BadSetting{"RateBurst", R"({"rate": {"limit": "2/s", "burst": 0}})",
                   "0 is not a whole number from 1"},
        BadSetting{"RateOver", R"({"rate": {"limit": "2/s", "over": "drop"}})", "unknown word 'drop'"},
        BadSetting{"Concurrency", R"({"concurrency": 0})", "0 is not a whole number from 1"},
        BadSetting{"ShareWithoutUnit", R"({"share": "5"})", "/then/share: rule 'mine': '5' has no unit"},
        BadSetting{"ShareOfAll", R"({"share": "101%"})", "'101%' is no part of the time", false},
        BadSetting{"ShareOfNothing", R"({"share": "0%"})", "'0%' is no part of the time", false},
        BadSetting{"Unknown", R"({"setle": "1s"})", "unknown key 'setle' (did you mean 'settle'?"}),
    name_of);

}  // namespace
}  // namespace tasklane
