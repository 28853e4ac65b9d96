// When a chat's prompt is worth asking again, by what that took on a server before.
#include "shaper/server/rewarm_worth.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono::milliseconds;

int occasions_taken(RewarmWorth& worth, int occasions, RewarmOf what = RewarmOf::lost_prompt) {
  int taken = 0;
  for (int i = 0; i < occasions; ++i) taken += worth.pays(what) ? 1 : 0;
  return taken;
}

RewarmWorth after(milliseconds each) {
  RewarmWorth worth;
  for (int i = 0; i < 3; ++i) worth.measured(RewarmOf::lost_prompt, each);
  return worth;
}

TEST(RewarmWorth, AnUnknownServerIsTried) {
  RewarmWorth worth;
  EXPECT_TRUE(worth.pays(RewarmOf::answer));
  EXPECT_TRUE(worth.pays(RewarmOf::lost_prompt));
}

TEST(RewarmWorth, AServerThatLosesPromptsIsAskedEachTime) {
  RewarmWorth worth = after(milliseconds(900));
  EXPECT_EQ(32, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerThatKeepsPromptsIsAskedNowAndThen) {
  RewarmWorth worth = after(milliseconds(30));
  EXPECT_EQ(2, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerWithSeveralSlotsThatKeepsPromptsIsAskedEachTimeSoThatTheChatsSlotIsNotGivenAway) {
  RewarmWorth worth = after(milliseconds(30));
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(worth.pays(RewarmOf::lost_prompt, true));
  for (int i = 0; i < 3; ++i) worth.measured(RewarmOf::lost_prompt, milliseconds(40000));
  EXPECT_FALSE(worth.pays(RewarmOf::lost_prompt, true));
}

TEST(RewarmWorth, AServerThatTakesSoLongThatChatsWouldWaitIsAskedNowAndThen) {
  RewarmWorth worth = after(milliseconds(40000));
  EXPECT_EQ(2, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerWhoseTurnsFindNothingOfItIsAskedNowAndThenUntilOneDoes) {
  RewarmWorth worth = after(milliseconds(900));
  for (int i = 0; i < 3; ++i) worth.found(false);
  EXPECT_EQ(2, occasions_taken(worth, 32));
  worth.found(true);
  EXPECT_EQ(32, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerThatKeepsPromptsMayStillBeSparedTheReadingOfAnswers) {
  RewarmWorth worth = after(milliseconds(30));
  for (int i = 0; i < 3; ++i) worth.measured(RewarmOf::answer, milliseconds(600));
  EXPECT_EQ(32, occasions_taken(worth, 32, RewarmOf::answer));
  EXPECT_EQ(2, occasions_taken(worth, 32, RewarmOf::lost_prompt));
}

}  // namespace
}  // namespace tasklane
