// Whether an upstream is worth asking, and what it has cost.
#include <gtest/gtest.h>

#include "shaper/base/money.h"
#include "shaper/server/health.h"
#include "shaper/server/spending.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using State = Health::State;

constexpr Time start{1h};

Health down(Time at) {
  Health health;
  for (unsigned i = 0; i < Health::failures_to_open; ++i) health.failed(at);
  return health;
}

TEST(Health, OneFailureOrTwoSayNothing) {
  Health health;
  health.failed(start);
  health.failed(start);
  EXPECT_TRUE(health.may_try(start));
  health.worked();
  health.failed(start);
  health.failed(start);
  EXPECT_EQ(State::closed, health.state(start)) << "in a row, not in all";
}

TEST(Health, BehindAPauseOneRequestTriesAndItsAnswerDecides) {
  Health health = down(start);
  EXPECT_EQ(State::open, health.state(start));
  EXPECT_FALSE(health.may_try(start));
  const Time later = start + Health::first_pause;
  EXPECT_EQ(State::half_open, health.state(later));
  ASSERT_TRUE(health.may_try(later));
  health.trying(later);
  EXPECT_FALSE(health.may_try(later)) << "one is enough";
  health.worked();
  EXPECT_EQ(State::closed, health.state(later));
  EXPECT_TRUE(health.may_try(later));
}

TEST(Health, ThePauseGrowsWithEachTrialThatFailsToABound) {
  Health health = down(start);
  Time now = start;
  Duration pause = Health::first_pause;
  for (int i = 0; i < 10; ++i) {
    now += pause;
    ASSERT_TRUE(health.may_try(now));
    health.trying(now);
    health.failed(now);
    pause = std::min(2 * pause, Health::longest_pause);
    EXPECT_FALSE(health.may_try(now + pause - 1ms));
  }
  EXPECT_EQ(Health::longest_pause, pause);
  EXPECT_EQ(1, health.openings()) << "it was never up in between";
}

TEST(Health, ATrialThatIsNeverHeardOfHoldsNobodyUp) {
  Health health = down(start);
  const Time later = start + Health::first_pause;
  health.trying(later);
  EXPECT_FALSE(health.may_try(later + Health::trial_lasts));
  EXPECT_TRUE(health.may_try(later + Health::trial_lasts + 1ms));
}

TEST(Health, WhoAsksForAPauseGetsItAtOnceButNoLongerThanAnHour) {
  Health health;
  health.failed(start, 30s);
  EXPECT_FALSE(health.may_try(start + 29s));
  EXPECT_TRUE(health.may_try(start + 30s));
  health.failed(start, 1000h);
  EXPECT_TRUE(health.may_try(start + Health::longest_asked_for));
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
