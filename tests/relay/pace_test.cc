#include "userspace/agent/pace.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using namespace std::chrono_literals;

// Beats for a while, each when the one before says; tells what was due how often.
struct Beats {
  int beats = 0;
  int resources = 0;
  int models = 0;
  int questions = 0;
  int sweeps = 0;
};

class Agent {
 public:
  Beats beat_for(Duration time, bool connected) {
    Beats seen;
    for (const Time end = at_ + time; at_ < end; at_ += pace_.until_next()) {
      const Pace::Due due = pace_.beat(at_, connected, 400ms);
      ++seen.beats;
      seen.resources += due.resources ? 1 : 0;
      seen.models += due.models ? 1 : 0;
      seen.questions += due.helper ? 1 : 0;
      seen.sweeps += due.sweep ? 1 : 0;
    }
    return seen;
  }
  [[nodiscard]] bool resting() const { return pace_.resting(); }

 private:
  Pace pace_;
  Time at_{1h};
};

TEST(Pace, LooksAfterEverythingTenTimesASecondWhileSomebodyIsConnected) {
  Agent agent;
  const Beats seen = agent.beat_for(10s, true);
  EXPECT_EQ(seen.beats, 100);
  EXPECT_EQ(seen.resources, 100);
  EXPECT_EQ(seen.models, 100);
  EXPECT_EQ(seen.questions, 100);
  EXPECT_EQ(seen.sweeps, 10);
}

TEST(Pace, RestsWhileNobodyIsConnected) {
  Agent agent;
  const Beats seen = agent.beat_for(10s, false);
  EXPECT_EQ(seen.beats, 25);
  EXPECT_EQ(seen.models, 25);
  EXPECT_EQ(seen.questions, 5);
  EXPECT_EQ(seen.resources, 9);
  EXPECT_EQ(seen.sweeps, 9);
}

TEST(Pace, StaysAwakeForAMomentBehindTheLastConnection) {
  Agent agent;
  agent.beat_for(1s, true);
  agent.beat_for(900ms, false);
  EXPECT_FALSE(agent.resting());
  agent.beat_for(500ms, false);
  EXPECT_TRUE(agent.resting());
  agent.beat_for(1ms, true);
  EXPECT_FALSE(agent.resting());
}

}  // namespace
}  // namespace tasklane
