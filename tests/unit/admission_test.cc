// Who goes when: single stories of the admission in virtual time. Random schedules are next door.
#include "tests/unit/admitting.h"

namespace tasklane {
namespace {

TEST_F(Admitting, WhatMayNotBeCancelledOrSharedIsNotWhateverItsSettingsSay) {
  Ticket learnt = ticket(1, Lane::background);
  learnt.lane = Standing(Lane::background, power_of(Certainty::learnt, RequestClass::title));
  learnt.canonical = CanonicalKey{1, 1};
  learnt.settings.settle = {};
  EXPECT_TRUE(starts(admission_.arrive(learnt, start), 1));
  learnt.id = 2;
  EXPECT_FALSE(shares(admission_.arrive(learnt, start), 2, 1));
  EXPECT_FALSE(cancels(admission_.arrive(ticket(3, Lane::interactive), start), 1));
}

TEST_F(Admitting, ABackgroundTaskSettlesAndThenGoes) {
  EXPECT_FALSE(starts(admission_.arrive(ticket(1, Lane::background), start), 1));
  EXPECT_EQ(admission_.next_wakeup(start), start + 400ms);
  EXPECT_FALSE(starts(admission_.tick(start + 399ms), 1));
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
}

TEST_F(Admitting, ItWaitsWhileAChatRunsAndAQuietTimeAfterIt) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::background), start + 1s);
  EXPECT_FALSE(starts(admission_.tick(start + 20s), 2));
  admission_.finished(1, start + 20s);
  EXPECT_FALSE(starts(admission_.tick(start + 21499ms), 2));
  EXPECT_TRUE(starts(admission_.tick(start + 21500ms), 2));
}

TEST_F(Admitting, PastTheLongestWaitTheyGoOneAtATimeAndRunToTheirEnd) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::background), start);
  admission_.arrive(ticket(3, Lane::background), start);
  const Actions late = admission_.tick(start + 30s);
  EXPECT_TRUE(starts(late, 2));
  EXPECT_FALSE(starts(late, 3));
  EXPECT_FALSE(cancels(admission_.arrive(ticket(4, Lane::interactive), start + 31s), 2));
  EXPECT_TRUE(starts(admission_.finished(2, start + 32s), 3));
}

TEST_F(Admitting, AChatCancelsWhatRunsThreeTimesAtMost) {
  admission_.arrive(ticket(1, Lane::background), start);
  Time at = start + 400ms;
  admission_.tick(at);
  for (RequestId chat = 10; chat < 13; ++chat) {
    EXPECT_TRUE(cancels(admission_.arrive(ticket(chat, Lane::interactive), at), 1)) << chat;
    admission_.finished(chat, at += 1s);
    EXPECT_TRUE(starts(admission_.tick(at += 1500ms), 1)) << chat;
  }
  EXPECT_FALSE(cancels(admission_.arrive(ticket(13, Lane::interactive), at), 1));
}

TEST_F(Admitting, ABlockingTaskGoesAheadOfAllBackgroundWork) {
  admission_.arrive(ticket(1, Lane::background), start);
  admission_.tick(start + 400ms);
  const Actions actions = admission_.arrive(ticket(2, Lane::blocking), start + 500ms);
  EXPECT_TRUE(starts(actions, 2));
  EXPECT_TRUE(cancels(actions, 1));
}

TEST_F(Admitting, WorkBesideTheChatOnTheSameMachineWaitsForItToo) {
  Ticket beside = ticket(1, Lane::background, "task");
  beside.compute = "model";
  admission_.arrive(beside, start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
  EXPECT_TRUE(cancels(admission_.arrive(ticket(2, Lane::interactive), start + 500ms), 1));
  EXPECT_FALSE(starts(admission_.tick(start + 10s), 1));
  admission_.finished(2, start + 10s);
  EXPECT_TRUE(starts(admission_.tick(start + 11500ms), 1));
}

TEST_F(Admitting, WorkOnAMachineOfItsOwnDoesNotWait) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::background, "task"), start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 2));
}

TEST_F(Admitting, BehindSomebodysTypingBackgroundWorkWaitsLonger) {
  admission_.arrive(ticket(1, Lane::keystroke), start);
  admission_.finished(1, start + 500ms);
  admission_.arrive(ticket(2, Lane::background), start + 600ms);
  EXPECT_FALSE(starts(admission_.tick(start + 4400ms), 2));
  EXPECT_TRUE(starts(admission_.tick(start + 4500ms), 2));
}

TEST_F(Admitting, WhileSomebodyTypesATaskThatIsAskedInPartsRestsButNotForEver) {
  Ticket task = ticket(1, Lane::background);
  task.settings.max_wait = 20s;
  admission_.arrive(task, start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
  EXPECT_FALSE(admission_.rests(1, start + 1s));
  EXPECT_FALSE(starts(admission_.arrive(ticket(2, Lane::keystroke), start + 1s), 2));
  ASSERT_TRUE(admission_.rests(1, start + 1200ms));
  EXPECT_TRUE(starts(admission_.rest(1, start + 1200ms), 2)) << "the slot is free";
  admission_.finished(2, start + 2s);
  EXPECT_FALSE(starts(admission_.tick(start + 5400ms), 1));
  EXPECT_TRUE(starts(admission_.tick(start + 5500ms), 1)) << "three times the quiet time behind it";
  admission_.arrive(ticket(3, Lane::keystroke), start + 9s);
  EXPECT_TRUE(admission_.rests(1, start + 9900ms));
  EXPECT_FALSE(admission_.rests(1, start + 10s)) << "half its longest wait is over";
}

TEST_F(Admitting, WhatIsNotHeldAndWhatIsNoBackgroundWorkRestsForNobody) {
  Ticket free = ticket(1, Lane::background);
  free.settings.hold = false;
  free.settings.settle = 0s;
  EXPECT_TRUE(starts(admission_.arrive(free, start), 1));
  EXPECT_TRUE(starts(admission_.arrive(ticket(2, Lane::keystroke, "other"), start), 2));
  admission_.arrive(ticket(3, Lane::keystroke), start + 1s);
  admission_.arrive(ticket(4, Lane::keystroke, "other"), start + 1s);
  for (const RequestId id : {1u, 2u, 99u}) EXPECT_FALSE(admission_.rests(id, start + 1s)) << id;
}

TEST_F(Admitting, ATaskThatRestsHasBegunByItsDeadline) {
  Ticket task = ticket(1, Lane::background);
  task.settings.deadline = 2s;
  admission_.arrive(task, start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
  admission_.arrive(ticket(2, Lane::keystroke), start + 1s);
  admission_.rest(1, start + 1s);
  admission_.finished(2, start + 1500ms);
  EXPECT_FALSE(answers(admission_.tick(start + 3s), 1));
  EXPECT_TRUE(starts(admission_.tick(start + 5500ms), 1));
}

TEST_F(Admitting, BypassedNothingRests) {
  admission_.arrive(ticket(1, Lane::background), start);
  admission_.tick(start + 400ms);
  admission_.arrive(ticket(2, Lane::keystroke), start + 1s);
  EXPECT_TRUE(admission_.rests(1, start + 1s));
  admission_.release(true, start + 1s);
  EXPECT_FALSE(admission_.rests(1, start + 1s));
}

TEST_F(Admitting, ASuggestionsDeadlineHoldsToItsEnd) {
  Ticket typing = ticket(1, Lane::keystroke);
  typing.settings.deadline = 3s;
  EXPECT_TRUE(starts(admission_.arrive(typing, start), 1));
  EXPECT_FALSE(answers(admission_.tick(start + 2999ms), 1));
  EXPECT_TRUE(answers(admission_.tick(start + 3s), 1));
  EXPECT_EQ(admission_.held(), 0u);
}

TEST_F(Admitting, SlotsBeyondTheReserveAreForBackgroundWork) {
  admission_.use_slots("model", 4, 2);
  for (RequestId id = 1; id <= 3; ++id) admission_.arrive(ticket(id, Lane::background), start);
  const Actions actions = admission_.tick(start + 400ms);
  EXPECT_TRUE(starts(actions, 1));
  EXPECT_TRUE(starts(actions, 2));
  EXPECT_FALSE(starts(actions, 3));
}

TEST_F(Admitting, BehindOtherWorkTheLastChatIsAskedAgainOnce) {
  answer_a_chat_and_then_a_task();
  ASSERT_EQ(admission_.next_wakeup(start + 4s), start + 4s);
  const Actions actions = admission_.tick(start + 4s);
  ASSERT_EQ(actions.size(), 1u);
  const auto* again = std::get_if<Rewarm>(&actions[0]);
  ASSERT_NE(again, nullptr);
  admission_.finished(again->id, start + 5s);
  EXPECT_FALSE(admission_.next_wakeup(start + 5s).has_value());
}

TEST_F(Admitting, AChatWaitsForItsOwnRewarmInTheOneSlotButNeverComputesTheSameInAnother) {
  Ticket next_turn = ticket(9, Lane::interactive);
  next_turn.chat = Conversation({7});
  answer_a_chat_and_then_a_task();
  RequestId own = std::get<Rewarm>(admission_.tick(start + 4s).at(0)).id;
  EXPECT_FALSE(cancels(admission_.arrive(next_turn, start + 5s), own));
  admission_.finished(own, start + 6s);
  admission_.use_slots("model", 2);
  admission_.can_rewarm("model", Conversation({7}), start + 600s);
  admission_.finished(9, start + 7s);
  admission_.arrive(ticket(10, Lane::background), start + 7s);
  admission_.tick(start + 9s);
  admission_.finished(10, start + 10s);
  own = std::get<Rewarm>(admission_.tick(start + 10s).at(0)).id;
  next_turn.id = 11;
  EXPECT_TRUE(cancels(admission_.arrive(next_turn, start + 11s), own));
}

TEST_F(Admitting, TheTurnRightBehindARewarmOfItsChatIsKnown) {
  Ticket next_turn = ticket(9, Lane::interactive);
  next_turn.chat = Conversation({7});
  answer_a_chat_and_then_a_task();
  admission_.finished(std::get<Rewarm>(admission_.tick(start + 4s).at(0)).id, start + 5s);
  admission_.arrive(next_turn, start + 6s);
  EXPECT_TRUE(admission_.behind_rewarm("model", 9));
  EXPECT_FALSE(admission_.behind_rewarm("model", 1));
  admission_.finished(9, start + 7s);
  next_turn.id = 10;
  admission_.arrive(next_turn, start + 8s);
  EXPECT_FALSE(admission_.behind_rewarm("model", 10)) << "another turn came in between";
}

TEST_F(Admitting, ATurnThatWaitedForItsRewarmIsBehindItAndTheNextOneIsNot) {
  Ticket next_turn = ticket(9, Lane::interactive);
  next_turn.chat = Conversation({7});
  answer_a_chat_and_then_a_task();
  const RequestId own = std::get<Rewarm>(admission_.tick(start + 4s).at(0)).id;
  admission_.arrive(next_turn, start + 5s);
  admission_.finished(own, start + 6s);
  EXPECT_TRUE(admission_.behind_rewarm("model", 9));
  admission_.can_rewarm("model", Conversation({7}), start + 600s);
  admission_.finished(9, start + 7s);
  next_turn.id = 10;
  admission_.arrive(next_turn, start + 8s);
  EXPECT_FALSE(admission_.behind_rewarm("model", 10));
}

TEST_F(Admitting, ATurnBehindATaskThatCameAfterTheRewarmIsNotBehindIt) {
  Ticket next_turn = ticket(9, Lane::interactive);
  next_turn.chat = Conversation({7});
  answer_a_chat_and_then_a_task();
  admission_.finished(std::get<Rewarm>(admission_.tick(start + 4s).at(0)).id, start + 5s);
  admission_.arrive(ticket(8, Lane::blocking), start + 5s);
  admission_.finished(8, start + 6s);
  admission_.arrive(next_turn, start + 7s);
  EXPECT_FALSE(admission_.behind_rewarm("model", 9));
}

TEST_F(Admitting, ATaskWaitsForARewarmToEndButNotPastItsLongestWait) {
  answer_a_chat_and_then_a_task();
  const Actions began = admission_.tick(start + 4s);
  ASSERT_EQ(began.size(), 1u);
  const RequestId own = std::get<Rewarm>(began[0]).id;
  EXPECT_TRUE(admission_.arrive(ticket(3, Lane::background), start + 5s).empty());
  EXPECT_TRUE(admission_.tick(start + 10s).empty());
  ASSERT_EQ(admission_.next_wakeup(start + 10s), start + 35s);
  const Actions late = admission_.tick(start + 35s);
  ASSERT_EQ(late.size(), 2u);
  EXPECT_EQ(std::get<Cancel>(late[0]).id, own);
  EXPECT_TRUE(starts(late, 3));
}

TEST_F(Admitting, ATaskThatItsRateHoldsPastItsLongestWaitDoesNotEndARewarm) {
  const auto slow = [](RequestId id) {
    Ticket made = ticket(id, Lane::background);
    made.bucket = 1;
    made.settings.rate = RateLimit{.per = RatePer::client, .limit = {.per_second = 0.01}};
    return made;
  };
  admission_.arrive(slow(8), start);
  admission_.tick(start + 400ms);
  admission_.finished(8, start + 500ms);
  answer_a_chat_and_then_a_task();
  admission_.arrive(slow(9), start + 4s);  // may go 100 s after the first
  admission_.tick(start + 4s);
  ASSERT_EQ(admission_.rewarm_counters().asked, 1u);
  EXPECT_TRUE(admission_.tick(start + 60s).empty());
  const std::optional<Time> next = admission_.next_wakeup(start + 60s);
  ASSERT_TRUE(next);
  EXPECT_GT(*next, start + 90s);
}

TEST_F(Admitting, TheWorkThatAChatWasSparedIsCounted) {
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::background), start + 1s);
  admission_.finished(1, start + 2s);
  admission_.tick(start + 5s);
  admission_.finished(2, start + 8s);
  EXPECT_EQ(admission_.counters().at(Lane::background).kept_from_chats, 3s);
  admission_.arrive(ticket(3, Lane::background), start + 20s);
  admission_.tick(start + 21s);
  admission_.finished(3, start + 23s);
  EXPECT_EQ(admission_.counters().at(Lane::background).kept_from_chats, 3s) << "no chat was near";
}

TEST_F(Admitting, PromptsThatNoServerReadsAreCounted) {
  const auto long_one = [](RequestId id) {
    Ticket made = ticket(id, Lane::keystroke);
    made.prompt_tokens = 500;
    return made;
  };
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(long_one(2), start + 1s);  // answered empty while a chat runs
  EXPECT_EQ(admission_.counters().at(Lane::keystroke).prompt_tokens_spared, 500u);
  admission_.finished(1, start + 2s);
  admission_.arrive(long_one(3), start + 9s);
  admission_.finished(3, start + 10s);
  EXPECT_EQ(admission_.counters().at(Lane::keystroke).prompt_tokens_spared, 500u) << "that one was read";
  Ticket known = long_one(4);
  admission_.answered_from_cache(known);
  EXPECT_EQ(admission_.counters().at(Lane::keystroke).prompt_tokens_spared, 1000u);
}

class AfterAnUnload : public Admitting {
 protected:
  static Ticket of(Ticket made, const std::string& model) {
    made.model = model;
    made.settings.settle = {};
    made.settings.quiet = {};
    return made;
  }
};

TEST_F(AfterAnUnload, BackgroundWorkForTheModelWaitsForTheNextChatThatHasItLoaded) {
  Ticket unloading = of(ticket(1, Lane::interactive), "big");
  unloading.unloads = true;
  admission_.arrive(unloading, start);
  admission_.finished(1, start + 1s);
  EXPECT_FALSE(starts(admission_.arrive(of(ticket(2, Lane::background), "big:latest"), start + 2s), 2));
  EXPECT_FALSE(starts(admission_.tick(start + 20s), 2));
  admission_.arrive(of(ticket(3, Lane::interactive), "big"), start + 21s);
  EXPECT_TRUE(starts(admission_.finished(3, start + 22s), 2));
}

TEST_F(AfterAnUnload, ThatNamesNoModelAllWaitsButNoLongerThanItsLongestWait) {
  admission_.unloaded("model", "");
  EXPECT_FALSE(starts(admission_.arrive(of(ticket(2, Lane::background), "small"), start), 2));
  EXPECT_EQ(admission_.next_wakeup(start), start + 30s);
  EXPECT_FALSE(starts(admission_.arrive(of(ticket(4, Lane::background), "small"), start + 29s), 4));
  EXPECT_TRUE(starts(admission_.tick(start + 30s), 2));
  EXPECT_TRUE(starts(admission_.finished(2, start + 31s), 4)) << "the first has had it loaded";
}

TEST_F(AfterAnUnload, OfAnotherModelAndWhatAPersonWaitsForGoes) {
  admission_.unloaded("model", "big");
  EXPECT_TRUE(starts(admission_.arrive(of(ticket(1, Lane::background), "small"), start), 1));
  EXPECT_TRUE(starts(admission_.arrive(of(ticket(2, Lane::blocking), "big"), start), 2));
}

}  // namespace
}  // namespace tasklane
