// The kernel counts: of a burst no more is steered than the agent has room for.
#include <gtest/gtest.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::BareAgent;
using test::Greeter;

class RoomTest : public test::HostTest {};

TEST_F(RoomTest, NoMoreIsSteeredThanThereIsRoomForUntilThereIsAgain) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent") << "nothing was said of room: there is no bound";
  agent->set_room(2);
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "model");
  agent->heartbeat();
  EXPECT_EQ(who("127.0.0.1"), "model") << "a sign of life makes no room";
  EXPECT_EQ(agent.counters().passed_full, 2u);
  agent->set_room(1);
  EXPECT_EQ(who("127.0.0.1"), "agent");
}

TEST_F(RoomTest, TheAgentsOwnDialsTakeNoRoom) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  agent->set_room(1);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(who_answers(host(), agent->dialer(), test::at("127.0.0.1", test::model_port)), "model");
  EXPECT_EQ(who("127.0.0.1"), "agent");
}

TEST_F(RoomTest, TheSilenceThatIsAllowedMayChange) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  agent->set_stale_after(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(who("127.0.0.1"), "model");
  agent->set_stale_after(BareAgent::never_stale);
  EXPECT_EQ(who("127.0.0.1"), "agent");
}

}  // namespace
}  // namespace tasklane
