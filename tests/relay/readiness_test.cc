// When the agent gives a sign of life, and how soon its silence shall tell.
#include "userspace/agent/readiness.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration tick = milliseconds(100);

Time at(Duration since) { return Time{} + since; }

TEST(ReadinessOfAnAgent, EachLackSuspendsAndIsToldOnce) {
  const std::pair<Pulse, Unready> lacks[] = {
      {{.accepting = false}, Unready::not_accepting}, {{.descriptors = false}, Unready::descriptors},
      {{.memory = false}, Unready::memory},           {{.room = false}, Unready::crowded},
      {{.late = seconds(3)}, Unready::late},
  };
  Readiness readiness(seconds(2));
  EXPECT_FALSE(readiness.judge({}, at(seconds(0))));
  std::uint64_t suspensions = 0;
  for (const auto& [pulse, why] : lacks) {
    EXPECT_TRUE(readiness.judge(pulse, at(seconds(1)))) << to_text(why);
    EXPECT_EQ(readiness.why(), why);
    EXPECT_FALSE(readiness.judge(pulse, at(seconds(1)))) << "said already";
    EXPECT_EQ(readiness.suspensions(), ++suspensions);
    EXPECT_TRUE(readiness.judge({}, at(seconds(2))));
    EXPECT_EQ(readiness.why(), Unready::no);
  }
}

TEST(ReadinessOfAnAgent, APunctualLoopIsPassedByHalfASecondAfterItsLastSign) {
  Readiness readiness(seconds(2));
  for (int i = 0; i < 50; ++i) readiness.judge({.late = milliseconds(1)}, at(i * tick));
  EXPECT_EQ(readiness.stale_after(tick), milliseconds(500));
}

TEST(ReadinessOfAnAgent, ALoopThatWasLateIsGivenFourTimesThatForAMinuteButNoMoreThanConfigured) {
  Readiness readiness(seconds(2));
  readiness.judge({.late = milliseconds(200)}, at(seconds(0)));
  readiness.judge({.late = milliseconds(5)}, at(seconds(1)));
  EXPECT_EQ(readiness.longest_late(), milliseconds(200));
  EXPECT_EQ(readiness.stale_after(tick), milliseconds(900));
  readiness.judge({.late = milliseconds(1900)}, at(seconds(2)));
  EXPECT_EQ(readiness.stale_after(tick), seconds(2));
  readiness.judge({.late = milliseconds(1)}, at(seconds(63)));
  EXPECT_EQ(readiness.stale_after(tick), milliseconds(500)) << "forgotten";
}

// Late by as much as it may be, its sign still comes in time.
TEST(ReadinessOfAnAgent, RestsAsLongAsIsPassedByAfterHalfASecondAllTheSame) {
  Readiness readiness(seconds(2));
  readiness.judge({}, at(seconds(0)));
  EXPECT_EQ(readiness.rest(), milliseconds(400));
  for (const int late : {10, 25, 60, 100}) {
    readiness.judge({.late = milliseconds(late)}, at(seconds(1)));
    EXPECT_EQ(readiness.stale_after(readiness.rest()), milliseconds(500)) << late;
    EXPECT_LE(readiness.rest() + milliseconds(late), milliseconds(500)) << late;
  }
  EXPECT_EQ(readiness.rest(), tick);
  EXPECT_EQ(Readiness(milliseconds(300)).rest(), milliseconds(240));
}

TEST(ReadinessOfAnAgent, AConfiguredSilenceBelowHalfASecondHolds) {
  Readiness readiness(milliseconds(300));
  readiness.judge({}, at(seconds(0)));
  EXPECT_EQ(readiness.stale_after(tick), milliseconds(300));
}

}  // namespace
}  // namespace tasklane
