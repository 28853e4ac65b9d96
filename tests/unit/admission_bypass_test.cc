// Bypassed: nothing is held, and nothing is asked on Tasklane's own account.
#include <gtest/gtest.h>

#include "admitting.h"

namespace tasklane {
namespace {

TEST_F(Admitting, BypassedAllThatWaitsStartsAtOnceBesideAChatToo) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::background), start);
  admission_.arrive(ticket(3, Lane::background), start);
  const Actions actions = admission_.release(true, start + 1s);
  EXPECT_TRUE(starts(actions, 2));
  EXPECT_TRUE(starts(actions, 3));
  EXPECT_EQ(admission_.waiting(), 0u);
}

TEST_F(Admitting, BypassedWhatComesStartsAtOnceAndWaitsAgainBehindIt) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.release(true, start);
  EXPECT_TRUE(starts(admission_.arrive(ticket(2, Lane::background), start + 1s), 2));
  EXPECT_TRUE(starts(admission_.arrive(ticket(3, Lane::keystroke), start + 1s), 3));
  admission_.finished(2, start + 2s);
  admission_.finished(3, start + 2s);
  admission_.release(false, start + 3s);
  EXPECT_FALSE(starts(admission_.arrive(ticket(4, Lane::background), start + 4s), 4))
      << "the chat still runs";
}

TEST_F(Admitting, BypassedARewarmThatRunsEndsAndNoneIsAsked) {
  answer_a_chat_and_then_a_task();
  ASSERT_EQ(admission_.rewarm_counters().asked, 0u);
  const Actions asked = admission_.tick(start + 60s);
  ASSERT_EQ(admission_.rewarm_counters().asked, 1u);
  ASSERT_FALSE(asked.empty());
  EXPECT_TRUE(cancels(admission_.release(true, start + 60s), std::get<Rewarm>(asked.back()).id));
  admission_.tick(start + 120s);
  EXPECT_EQ(admission_.rewarm_counters().asked, 1u);
}

}  // namespace
}  // namespace tasklane
