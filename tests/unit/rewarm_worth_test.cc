// When a chat's prompt is worth asking again, by what that took on a server before.
#include "shaper/admit/rewarm_worth.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono::milliseconds;

int occasions_taken(RewarmWorth& worth, int occasions) {
  int taken = 0;
  for (int i = 0; i < occasions; ++i) taken += worth.pays() ? 1 : 0;
  return taken;
}

RewarmWorth after(milliseconds each) {
  RewarmWorth worth;
  for (int i = 0; i < 3; ++i) worth.measured(each);
  return worth;
}

TEST(RewarmWorth, AnUnknownServerIsTried) {
  RewarmWorth worth;
  EXPECT_TRUE(worth.pays());
}

TEST(RewarmWorth, AServerThatLosesPromptsIsAskedEachTime) {
  RewarmWorth worth = after(milliseconds(900));
  EXPECT_EQ(32, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerThatKeepsPromptsIsAskedNowAndThen) {
  RewarmWorth worth = after(milliseconds(30));
  EXPECT_EQ(2, occasions_taken(worth, 32));
}

TEST(RewarmWorth, AServerThatTakesSoLongThatChatsWouldWaitIsAskedNowAndThen) {
  RewarmWorth worth = after(milliseconds(17000));
  EXPECT_EQ(2, occasions_taken(worth, 32));
}

}  // namespace
}  // namespace tasklane
