// Which slot of a server of several a task takes, and what becomes of the last chat's.
#include <gtest/gtest.h>

#include "unit/admitting.h"

namespace tasklane {
namespace {

class OnSeveralSlots : public Admitting {
 protected:
  OnSeveralSlots() { admission_.use_slots("model", 3); }

  // A turn that was answered a second ago, with its re-warm behind the first task.
  void answer_a_chat() {
    admission_.arrive(ticket(100, Lane::interactive), start - 2s);
    admission_.can_rewarm("model", Conversation({7}), start + 600s);
    admission_.finished(100, start - 1s);
    run(101, RequestClass::title, start);
    const std::optional<RequestId> own = rewarm_in(admission_.tick(start));
    ASSERT_TRUE(own) << "for the turn's answer";
    admission_.finished(*own, start);
  }
  static Ticket of(RequestId id, RequestClass kind) {
    Ticket made = ticket(id, kind == RequestClass::autocomplete ? Lane::keystroke : Lane::background);
    made.request_class = kind;
    made.settings.settle = made.settings.quiet = 0s;
    made.settings.supersede = false;
    return made;
  }
  // Whether it goes when it comes; then it is answered at once.
  bool run(RequestId id, RequestClass kind, Time now) {
    if (!starts(admission_.arrive(of(id, kind), now), id)) return false;
    admission_.sent(id, OnPrompt::pushes_out);
    admission_.finished(id, now);
    return true;
  }
  // The chat's is the one of the three that was used longest ago.
  void let_the_chats_slot_be_next() {
    answer_a_chat();
    EXPECT_TRUE(run(1, RequestClass::tags, start));
    EXPECT_TRUE(run(2, RequestClass::title, start));
  }
  static std::optional<RequestId> rewarm_in(const Actions& actions) {
    for (const Action& action : actions)
      if (const auto* own = std::get_if<Rewarm>(&action)) return own->id;
    return {};
  }
  // The one for whose sake it waits is asked at once, and takes a moment.
  void expect_to_start_behind_a_rewarm(RequestId id) {
    ASSERT_EQ(admission_.next_wakeup(start), start);
    const std::optional<RequestId> own = rewarm_in(admission_.tick(start));
    ASSERT_TRUE(own);
    EXPECT_TRUE(starts(admission_.finished(*own, start + 50ms), id));
  }
};

TEST_F(OnSeveralSlots, ATaskThatWouldBeGivenTheLastChatsSlotWaitsUntilThatsPromptWasAskedAgain) {
  let_the_chats_slot_be_next();
  EXPECT_FALSE(run(3, RequestClass::follow_up, start)) << "its slot is the one used longest ago";
  expect_to_start_behind_a_rewarm(3);
}

TEST_F(OnSeveralSlots, OneOfAKindThatHasASlotTakesNoOther) {
  answer_a_chat();
  EXPECT_TRUE(run(1, RequestClass::autocomplete, start));
  EXPECT_TRUE(run(2, RequestClass::title, start));
  for (RequestId id = 3; id < 9; ++id) EXPECT_TRUE(run(id, RequestClass::autocomplete, start)) << id;
  EXPECT_FALSE(run(9, RequestClass::task, start)) << "of no known kind";
}

TEST_F(OnSeveralSlots, ThePromptIsAskedAgainOnlyWhereItsSlotIsTheNextToBeGivenAway) {
  answer_a_chat();
  EXPECT_TRUE(run(1, RequestClass::tags, start));
  EXPECT_FALSE(rewarm_in(admission_.tick(start)));
  EXPECT_FALSE(admission_.next_wakeup(start));
  EXPECT_TRUE(run(2, RequestClass::title, start));
  EXPECT_TRUE(rewarm_in(admission_.tick(start)));
}

TEST_F(OnSeveralSlots, TheTurnsAnswerIsNotAskedWhileSomebodyTypesForItsSlotWouldBeBusyForTheNextTurn) {
  admission_.arrive(ticket(100, Lane::interactive), start - 2s);
  admission_.can_rewarm("model", Conversation({7}), start + 600s);
  admission_.finished(100, start - 1s);
  run(1, RequestClass::autocomplete, start);
  EXPECT_FALSE(rewarm_in(admission_.tick(start + 4s)));
  ASSERT_EQ(admission_.next_wakeup(start + 4s), start + 5s);
  EXPECT_TRUE(rewarm_in(admission_.tick(start + 5s)));
}

TEST_F(OnSeveralSlots, APageThatIsOpenedAsksAheadWhateverIsInTheSlots) {
  answer_a_chat();
  admission_.prewarm("model", start + 30s);
  EXPECT_TRUE(rewarm_in(admission_.tick(start)));
}

TEST_F(OnSeveralSlots, ATaskPastItsLongestWaitWaitsForThatNoLongerThanASecond) {
  answer_a_chat();
  run(1, RequestClass::tags, start);
  run(2, RequestClass::title, start);
  Ticket late = of(3, RequestClass::follow_up);
  late.settings.max_wait = 0s;
  EXPECT_FALSE(starts(admission_.arrive(late, start), 3));
  const std::optional<RequestId> own = rewarm_in(admission_.tick(start));
  ASSERT_TRUE(own);
  EXPECT_TRUE(admission_.tick(start + 900ms).empty());
  ASSERT_EQ(admission_.next_wakeup(start + 900ms), start + 1s);
  const Actions actions = admission_.tick(start + 1s);
  EXPECT_TRUE(cancels(actions, *own));
  EXPECT_TRUE(starts(actions, 3));
}

TEST_F(OnSeveralSlots, OneThatWaitsForThatKeepsOthersFromGoingForNoLonger) {
  answer_a_chat();
  run(1, RequestClass::autocomplete, start);
  run(2, RequestClass::title, start);
  Ticket late = of(3, RequestClass::follow_up);
  late.settings.max_wait = 0s;
  admission_.arrive(late, start);
  admission_.arrive(of(4, RequestClass::autocomplete), start);
  const std::optional<RequestId> own = rewarm_in(admission_.tick(start));
  ASSERT_TRUE(own) << "the suggestion waits for the other, and is not waited for";
  EXPECT_TRUE(starts(admission_.finished(*own, start), 3));
}

TEST_F(OnSeveralSlots, NothingWaitsForAPromptThatCannotBeAskedAgain) {
  answer_a_chat();
  admission_.can_rewarm("model", Conversation({7}), start);
  EXPECT_TRUE(run(1, RequestClass::tags, start));
  EXPECT_TRUE(run(2, RequestClass::title, start));
  EXPECT_TRUE(run(3, RequestClass::follow_up, start));
}

TEST_F(OnSeveralSlots, ASuggestionIsInItsSlotUntilAsManyOtherKindsCame) {
  const auto last_is_there = [&](RequestId id) {
    admission_.arrive(of(id, RequestClass::autocomplete), start);
    const bool there = admission_.last_is_in_slot(id);
    admission_.finished(id, start);
    return there;
  };
  EXPECT_FALSE(last_is_there(1)) << "none was sent yet";
  run(2, RequestClass::autocomplete, start);
  run(3, RequestClass::title, start);
  run(4, RequestClass::tags, start);
  EXPECT_TRUE(last_is_there(5));
  run(6, RequestClass::follow_up, start);
  EXPECT_FALSE(last_is_there(7));
}

// The title is due within the time of a re-warm, and takes no slot of the chat's.
TEST_F(OnSeveralSlots, ASuggestionDoesNotWaitForATitleThatStillSettles) {
  let_the_chats_slot_be_next();
  Ticket settles = of(3, RequestClass::title);
  settles.settings.settle = 400ms;
  admission_.arrive(settles, start);
  EXPECT_FALSE(run(4, RequestClass::autocomplete, start));
  expect_to_start_behind_a_rewarm(4);
}

TEST_F(OnSeveralSlots, ATaskThatIsOverdueIsNotOvertakenForEverByThoseThatHaveASlot) {
  let_the_chats_slot_be_next();
  const auto late = [](RequestId id, RequestClass kind) {
    Ticket made = of(id, kind);
    made.settings.max_wait = 0s;
    return made;
  };
  ASSERT_TRUE(starts(admission_.arrive(late(3, RequestClass::title), start), 3));
  admission_.sent(3, OnPrompt::pushes_out);
  admission_.arrive(late(4, RequestClass::follow_up), start);
  admission_.arrive(late(5, RequestClass::tags), start + 1s);
  EXPECT_EQ(admission_.next_wakeup(start + 500ms), start + 1s) << "until then it waits for a re-warm";
  EXPECT_TRUE(starts(admission_.finished(3, start + 2s), 4));
}

TEST_F(OnSeveralSlots, WhatNeedNotWaitForChatsTakesWhateverSlotThereIs) {
  let_the_chats_slot_be_next();
  Ticket at_once = of(3, RequestClass::follow_up);
  at_once.settings.hold = false;
  EXPECT_TRUE(starts(admission_.arrive(at_once, start), 3));
}

// It has slots of its own; or the server has room for one model, and each change is a load.
TEST_F(OnSeveralSlots, TasksOfAnotherModelGoOneBehindTheOtherAndThenTheChatsPromptIsAskedAgain) {
  answer_a_chat();
  RequestId id = 0;
  for (const RequestClass kind : {RequestClass::title, RequestClass::tags, RequestClass::follow_up}) {
    Ticket other = of(++id, kind);
    other.model = "another";
    ASSERT_TRUE(starts(admission_.arrive(other, start), id)) << to_text(kind);
    admission_.sent(id, OnPrompt::pushes_out);
    admission_.finished(id, start);
  }
  EXPECT_EQ(admission_.next_wakeup(start), start);
  EXPECT_TRUE(rewarm_in(admission_.tick(start)));
}

}  // namespace
}  // namespace tasklane
