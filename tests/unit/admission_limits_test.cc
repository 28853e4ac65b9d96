// What limits a lane: slots, the reserve, a class, a rate, a share of the time, the longest wait.
#include "tests/unit/admitting.h"

namespace tasklane {
namespace {

class AdmissionLimits : public Admitting {};

TEST_F(AdmissionLimits, WhoTypesDoesNotStarveATaskThatHasWaitedTooLong) {
  for (RequestId id = 1; id <= 3; ++id) admission_.arrive(ticket(id, Lane::keystroke), start);
  admission_.arrive(ticket(10, Lane::background), start);
  const Actions free = admission_.finished(1, start + 31s);
  EXPECT_TRUE(starts(free, 10));
  EXPECT_FALSE(starts(free, 2));
}

TEST_F(AdmissionLimits, BehindTypingWithoutEndItGoesAtHalfItsLongestWaitAndAChatCanStillCancelIt) {
  admission_.arrive(ticket(10, Lane::background), start);
  for (int second = 0; second < 15; ++second) {
    const auto id = static_cast<RequestId>(20 + second);
    admission_.arrive(ticket(id, Lane::keystroke), start + second * 1s);
    EXPECT_FALSE(starts(admission_.finished(id, start + second * 1s + 300ms), 10))
        << "after " << second << " s";
  }
  EXPECT_TRUE(starts(admission_.tick(start + 15s), 10));
  EXPECT_TRUE(cancels(admission_.arrive(ticket(40, Lane::interactive), start + 16s), 10));
}

TEST_F(AdmissionLimits, PastTheLongestWaitOneAtATimeGoesBesideAChatOnAnyNumberOfSlots) {
  admission_.use_slots("model", 4);
  admission_.arrive(ticket(1, Lane::interactive), start);
  for (RequestId id = 2; id <= 4; ++id) admission_.arrive(ticket(id, Lane::background), start);
  const Actions late = admission_.tick(start + 30s);
  EXPECT_TRUE(starts(late, 2));
  EXPECT_FALSE(starts(late, 3));
  EXPECT_TRUE(starts(admission_.finished(2, start + 31s), 3));
}

TEST_F(AdmissionLimits, WhatNoChatCancelsAnyMoreRunsAloneAlsoWhereThereIsRoomAndNoChat) {
  admission_.use_slots("model", 4);
  admission_.arrive(ticket(1, Lane::interactive), start);
  for (RequestId id = 2; id <= 3; ++id) admission_.arrive(ticket(id, Lane::background), start + 2s);
  const Actions rests = admission_.finished(1, start + 33s);
  EXPECT_TRUE(starts(rests, 2));
  EXPECT_FALSE(starts(rests, 3));
  EXPECT_FALSE(starts(admission_.tick(start + 40s), 3)) << "the quiet time is over";
  EXPECT_TRUE(starts(admission_.finished(2, start + 41s), 3));
}

TEST_F(AdmissionLimits, WhereChatsAreAnsweredWhatIsHeldForThemGoesOneAtATimeOnAnyNumberOfSlots) {
  admission_.use_slots("model", 4);
  admission_.arrive(ticket(1, Lane::interactive), start);
  for (RequestId id = 2; id <= 3; ++id) admission_.arrive(ticket(id, Lane::background), start);
  Ticket unheld = ticket(4, Lane::background);
  unheld.settings.hold = false;
  admission_.finished(1, start + 1s);
  EXPECT_TRUE(starts(admission_.tick(start + 3s), 2));
  EXPECT_FALSE(starts(admission_.arrive(ticket(5, Lane::keystroke), start + 4s), 5));
  admission_.arrive(unheld, start + 4s);
  const Actions settled = admission_.tick(start + 5s);
  EXPECT_TRUE(starts(settled, 4)) << "a rule says that it need not wait";
  EXPECT_FALSE(starts(settled, 3));
}

TEST_F(AdmissionLimits, BesideTheChatsServerWhatIsHeldGoesOneAtATimeToo) {
  admission_.use_slots("small", 4);
  for (RequestId id = 2; id <= 3; ++id) {
    Ticket task = ticket(id, Lane::background, "small");
    task.compute = "model";
    admission_.arrive(task, start);
  }
  const Actions settled = admission_.tick(start + 1s);
  EXPECT_TRUE(starts(settled, 2));
  EXPECT_FALSE(starts(settled, 3));
}

TEST_F(AdmissionLimits, WorkThatNeedNotWaitForChatsTakesAFreeSlotAndNoOther) {
  Ticket task = ticket(3, Lane::background);
  task.settings.hold = false;
  task.settings.settle = {};
  admission_.use_slots("model", 2, 1);
  admission_.arrive(ticket(1, Lane::interactive), start);
  admission_.arrive(ticket(2, Lane::interactive), start);
  EXPECT_FALSE(starts(admission_.arrive(task, start), 3)) << "both slots have a chat";
  EXPECT_TRUE(starts(admission_.finished(2, start + 1s), 3));
}

TEST_F(AdmissionLimits, TheReserveStaysFreeForChats) {
  admission_.use_slots("model", 3, 2);
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket task = ticket(id, Lane::background);
    task.settings.hold = false;
    task.settings.settle = {};
    EXPECT_EQ(starts(admission_.arrive(task, start), id), id == 1);
  }
}

TEST_F(AdmissionLimits, AClassLimitHoldsForTasksThatAPersonWaitsForToo) {
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket query = ticket(id, Lane::blocking);
    query.settings.concurrency = 1;
    EXPECT_EQ(starts(admission_.arrive(query, start), id), id == 1);
  }
  EXPECT_TRUE(starts(admission_.finished(1, start + 1s), 2));
}

TEST_F(AdmissionLimits, ARateHoldsTasksThatAPersonWaitsForToo) {
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket query = ticket(id, Lane::blocking);
    query.settings.rate = RateLimit{RatePer::client, Rate{0.5}, 1, OverRate::hold};
    EXPECT_EQ(starts(admission_.arrive(query, start), id), id == 1);
  }
  EXPECT_EQ(admission_.next_wakeup(start), start + 2s);
  EXPECT_TRUE(starts(admission_.tick(start + 2s), 2));
}

TEST_F(AdmissionLimits, ARateThatWasPaidAtAnotherServerIsNotTakenAgain) {
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket query = ticket(id, Lane::blocking);
    query.settings.rate = RateLimit{RatePer::client, Rate{0.5}, 1, OverRate::reject};
    query.rate_paid = id == 2;
    EXPECT_TRUE(starts(admission_.arrive(query, start), id)) << id;
  }
}

TEST_F(AdmissionLimits, ATypistsOwnChatEndsTheSuggestionOnAMachineOfItsOwn) {
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket suggestion = ticket(id, Lane::keystroke, "task");
    suggestion.typist = Typist(id);
    suggestion.typist_by = TypistEvidence::header;
    admission_.arrive(suggestion, start);
  }
  Ticket chat = ticket(3, Lane::interactive);
  chat.typist = Typist(1);
  const Actions sent = admission_.arrive(chat, start + 100ms);
  EXPECT_TRUE(answers(sent, 1));
  EXPECT_FALSE(answers(sent, 2)) << "another's";
}

TEST_F(AdmissionLimits, SuggestionsTakeTheirShareOfTheTimeAndNoMore) {
  const auto suggestion = [](RequestId id) {
    Ticket made = ticket(id, Lane::keystroke);
    made.settings.share = 0.1;
    return made;
  };
  EXPECT_TRUE(starts(admission_.arrive(suggestion(1), start), 1));
  admission_.finished(1, start + 1s);
  EXPECT_TRUE(answers(admission_.arrive(suggestion(2), start + 9999ms), 2)) << "a second in ten is used up";
  EXPECT_TRUE(starts(admission_.arrive(suggestion(3), start + 10s), 3));
  EXPECT_EQ(admission_.counters().at(Lane::keystroke).over_share, 1u);
}

TEST_F(AdmissionLimits, ASuggestionThatWaitedForTheShareToBeUsedUpIsAnsweredAtOnce) {
  for (RequestId id = 1; id <= 2; ++id) {
    Ticket made = ticket(id, Lane::keystroke);
    made.settings.share = 0.05;
    admission_.arrive(made, start);
  }
  EXPECT_TRUE(answers(admission_.finished(1, start + 1s), 2));
}

TEST_F(AdmissionLimits, AShareIsForKeystrokesAlone) {
  Ticket task = ticket(1, Lane::background);
  task.settings.share = 0.01;
  admission_.arrive(task, start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
  admission_.finished(1, start + 10s);
  task.id = 2;
  admission_.arrive(task, start + 10s);
  EXPECT_TRUE(starts(admission_.tick(start + 10400ms), 2));
}

}  // namespace
}  // namespace tasklane
