// Whether an upstream is worth asking, and what it has cost.
#include <gtest/gtest.h>

#include "shaper/base/money.h"
#include "shaper/server/bill.h"
#include "shaper/server/health.h"
#include "shaper/server/spending.h"
#include "unit/start.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using HealthState = Health::State;
using Attempt = Health::Attempt;

class UpstreamHealth : public testing::Test {
 protected:
  [[nodiscard]] Attempt attempt(Time at) const { return {health_, at}; }
  void fail(Time at, std::optional<Duration> pause = {}) const { attempt(at).failed(at, pause); }
  void work(Time at) const { attempt(at).worked(); }
  void go_down(Time at) const {
    for (unsigned i = 0; i < Health::failures_to_open; ++i) fail(at);
  }
  [[nodiscard]] HealthState state(Time at) const { return health_->state(at); }
  [[nodiscard]] bool may_try(Time at) const { return health_->may_try(at); }

  std::shared_ptr<Health> health_ = std::make_shared<Health>();
};

TEST_F(UpstreamHealth, OneFailureOrTwoSayNothing) {
  fail(start);
  fail(start);
  EXPECT_TRUE(may_try(start));
  work(start);
  fail(start);
  fail(start);
  EXPECT_EQ(HealthState::closed, state(start)) << "in a row, not in all";
}

TEST_F(UpstreamHealth, BehindAPauseOneRequestTriesAndItsAnswerDecides) {
  go_down(start);
  EXPECT_EQ(HealthState::open, state(start));
  EXPECT_FALSE(may_try(start));
  const Time later = start + Health::first_pause;
  EXPECT_EQ(HealthState::half_open, state(later));
  ASSERT_TRUE(may_try(later));
  Attempt trial = attempt(later);
  EXPECT_FALSE(may_try(later)) << "one is enough";
  trial.worked();
  EXPECT_EQ(HealthState::closed, state(later));
  EXPECT_TRUE(may_try(later));
}

TEST_F(UpstreamHealth, ThePauseGrowsWithEachTrialThatFailsToABound) {
  go_down(start);
  Time now = start;
  Duration pause = Health::first_pause;
  for (int i = 0; i < 10; ++i) {
    now += pause;
    ASSERT_TRUE(may_try(now));
    fail(now);
    pause = std::min(2 * pause, Health::longest_pause);
    EXPECT_FALSE(may_try(now + pause - 1ms));
  }
  EXPECT_EQ(Health::longest_pause, pause);
  EXPECT_EQ(1, health_->openings()) << "it was never up in between";
}

TEST_F(UpstreamHealth, ATrialThatEndsWithoutAWordIsGivenBackAtOnce) {
  go_down(start);
  const Time later = start + Health::first_pause;
  {
    const Attempt trial = attempt(later);
    EXPECT_FALSE(may_try(later + 1h)) << "however long it takes, there is one";
  }
  EXPECT_TRUE(may_try(later));
  EXPECT_EQ(HealthState::half_open, state(later));
}

TEST_F(UpstreamHealth, WhatWasOnItsWayWhenItWentDownIsNoFailedTrial) {
  Attempt before = attempt(start);
  Attempt during_the_trial = attempt(start);
  go_down(start);
  before.failed(start + 1s);
  const Time later = start + Health::first_pause;
  ASSERT_TRUE(may_try(later)) << "the first pause is no longer for it";
  Attempt trial = attempt(later);
  during_the_trial.failed(later);
  EXPECT_FALSE(may_try(later)) << "and the trial goes on";
  trial.worked();
  EXPECT_EQ(HealthState::closed, state(later));
}

TEST_F(UpstreamHealth, WhatBeganBeforeItWentDownSaysNothingOnceItIsUpAgain) {
  std::vector<Attempt> before;
  for (unsigned i = 0; i < Health::failures_to_open; ++i) before.push_back(attempt(start));
  go_down(start);
  const Time later = start + Health::first_pause;
  work(later);
  for (Attempt& each : before) each.failed(later);
  EXPECT_EQ(HealthState::closed, state(later));
  EXPECT_EQ(0, health_->failures());
}

TEST_F(UpstreamHealth, AnAnswerToWhatBeganBeforeItWentDownDoesNotBringItBack) {
  Attempt before = attempt(start);
  go_down(start);
  before.worked();
  EXPECT_EQ(HealthState::open, state(start));
}

TEST_F(UpstreamHealth, WhoAsksForAPauseGetsItAtOnceButNoLongerThanAnHour) {
  fail(start, 30s);
  EXPECT_FALSE(may_try(start + 29s));
  EXPECT_TRUE(may_try(start + 30s));
  fail(start + 30s, 1000h);
  EXPECT_TRUE(may_try(start + 30s + Health::longest_asked_for));
}

TEST_F(UpstreamHealth, NoLaterFailureShortensThePauseThatWasAskedFor) {
  std::vector<Attempt> others;
  for (int i = 0; i < 5; ++i) others.push_back(attempt(start));
  fail(start, 600s);
  others[0].failed(start, 5s);
  for (Attempt& each : others) each.failed(start);
  EXPECT_FALSE(may_try(start + 599s));
  EXPECT_TRUE(may_try(start + 600s));
}

TEST_F(UpstreamHealth, WhoeverWasAskedBecauseNobodyElseIsLeftShowsThatItIsUpAgain) {
  go_down(start);
  fail(start);
  EXPECT_FALSE(may_try(start + Health::first_pause - 1ms));
  EXPECT_TRUE(may_try(start + Health::first_pause)) << "that was no trial";
  work(start);
  EXPECT_EQ(HealthState::closed, state(start));
}

TEST(Bill, IsChargedWhenTheRequestGoesAndCorrectedByWhatTheServerTells) {
  Spending spending;
  const Price price{*parse_money("1"), *parse_money("10")};
  Bill bill(spending, price, 2'000'000, start);
  EXPECT_EQ("2", to_text(spending.all()));
  Answer answer;
  answer.figures.prompt_tokens = 1'000'000;
  answer.figures.generated_tokens = 100'000;
  bill.settle(answer, start);
  EXPECT_EQ("2", to_text(spending.last_day(start)));
  bill.waive(start);
  EXPECT_EQ("0", to_text(spending.last_day(start)));
}

TEST(Bill, CountsWhatHasComeOfAnAnswerThatTellsNoUsage) {
  Spending spending;
  const Price price{*parse_money("0"), *parse_money("1000000")};
  Answer answer;
  answer.content = "four and four more";  // 18 bytes
  answer.thinking = "so it is";           // 8
  answer.tool_calls.push_back({"", "look", "{}"});
  Bill(spending, price, 100, start).settle(answer, start);
  EXPECT_EQ("8", to_text(spending.all())) << "a quarter of 32 bytes";
}

TEST(Money, IsReadAsPriceListsHaveIt) {
  for (const auto& [text, picos] : std::map<std::string, std::int64_t>{{"0", 0},
                                                                       {"2", 2'000'000'000'000},
                                                                       {"0.10", 100'000'000'000},
                                                                       {".0375", 37'500'000'000},
                                                                       {"1.", 1'000'000'000'000},
                                                                       {"0.000000000001", 1}}) {
    const Result<Money> read = parse_money(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_EQ(picos, read->picos) << text;
  }
  for (const char* const text :
       {"", ".", "-1", "1,5", "1e3", " 1", "1.0000000000001", "1000001", "99999999", "0x1"})
    EXPECT_FALSE(parse_money(text).has_value()) << text;
}

TEST(Money, IsWrittenWithoutZerosAtTheEnd) {
  for (const char* const text : {"0", "2", "0.1", "0.0375", "12.000000000001"})
    EXPECT_EQ(text, to_text(*parse_money(text)));
}

TEST(Money, WhatIsTooLargeForItsTypeIsNoAmount) {
  for (const char* const text : {"9999999", "9300000", "9223373", "1000000.000000000001"})
    EXPECT_FALSE(parse_money(text).has_value()) << text;
  EXPECT_EQ("1000000", to_text(*parse_money("1000000")));
}

TEST(Money, TokensCostByTheMillion) {
  const Price price{*parse_money("0.15"), *parse_money("0.6")};
  EXPECT_EQ("0.15", to_text(price.of(1'000'000, 0)));
  EXPECT_EQ("0.00021", to_text(price.of(1000, 100)));
  EXPECT_EQ("2000000", to_text(Price{*parse_money("1000000"), *parse_money("1000000")}.of(~0ull, ~0ull)))
      << "no sum runs over";
}

TEST(Spending, TheLastDaySlidesByTheHour) {
  Spending spending;
  spending.spend(start, {5});
  spending.spend(start + 10min, {2});
  spending.spend(start + 23h, {1});
  EXPECT_EQ(8, spending.last_day(start + 23h).picos);
  EXPECT_EQ(1, spending.last_day(start + 24h).picos);
  EXPECT_EQ(0, spending.last_day(start + 72h).picos);
  EXPECT_EQ(8, spending.all().picos);
}

}  // namespace
}  // namespace tasklane
