// Requests that share an answer: what ends one is no end for the others.
#include "tests/unit/admitting.h"

namespace tasklane {
namespace {

class Sharing : public Admitting {
 protected:
  static Ticket suggestion(RequestId id, std::uint64_t editor, std::uint64_t question = 1) {
    Ticket made = ticket(id, Lane::keystroke);
    made.editor = Editor(editor);
    made.canonical = CanonicalKey{question, 1};
    return made;
  }
  static Ticket title(RequestId id) {
    Ticket made = ticket(id, Lane::background);
    made.canonical = CanonicalKey{9, 9};
    return made;
  }
};

TEST_F(Sharing, WhoeverTypesOnCostsNobodyElseTheAnswer) {
  admission_.arrive(suggestion(1, 1), start);
  EXPECT_TRUE(shares(admission_.arrive(suggestion(2, 2), start), 2, 1));
  EXPECT_TRUE(shares(admission_.arrive(suggestion(3, 3), start), 3, 1));
  const Actions typed_on = admission_.arrive(suggestion(4, 1, 2), start + 100ms);
  EXPECT_TRUE(answers(typed_on, 1));
  EXPECT_FALSE(answers(typed_on, 2));
  EXPECT_TRUE(starts(typed_on, 2)) << "the first of the others goes in its place";
  EXPECT_TRUE(shares(typed_on, 3, 2));
  admission_.finished(2, start + 1s);
  EXPECT_EQ(admission_.held(), 1u) << "the newer text alone";
}

TEST_F(Sharing, ADeadlineIsEachOnesOwn) {
  Ticket early = suggestion(1, 1);
  Ticket late = suggestion(2, 2);
  early.settings.deadline = late.settings.deadline = 2s;
  admission_.arrive(early, start);
  admission_.arrive(late, start + 1500ms);
  const Actions first = admission_.tick(start + 2s);
  EXPECT_TRUE(answers(first, 1));
  EXPECT_FALSE(answers(first, 2));
  EXPECT_TRUE(answers(admission_.tick(start + 3500ms), 2));
}

TEST_F(Sharing, ATaskThatSharesARunningOnesAnswerHasStarted) {
  Ticket second = title(2);
  second.settings.deadline = 1s;
  admission_.arrive(title(1), start);
  admission_.tick(start + 400ms);
  admission_.arrive(second, start + 1s);
  EXPECT_FALSE(answers(admission_.tick(start + 10s), 2));
}

TEST_F(Sharing, ATaskThatAChatCancelledDoesNotExpire) {
  Ticket task = title(1);
  task.settings.deadline = 1s;
  admission_.arrive(task, start);
  EXPECT_TRUE(starts(admission_.tick(start + 400ms), 1));
  EXPECT_TRUE(cancels(admission_.arrive(ticket(2, Lane::interactive), start + 500ms), 1));
  EXPECT_FALSE(answers(admission_.tick(start + 2s), 1));
}

TEST_F(Sharing, ATypistWhoJoinsAnothersQuestionLeavesTheOlderOneBehind) {
  admission_.arrive(suggestion(1, 1, 1), start);
  admission_.arrive(suggestion(2, 2, 2), start);
  const Actions joins = admission_.arrive(suggestion(3, 2, 1), start + 1s);
  EXPECT_TRUE(answers(joins, 2));
  EXPECT_TRUE(shares(joins, 3, 1));
}

TEST_F(Sharing, AChatAnswersAllWhoTypedBesideIt) {
  admission_.arrive(suggestion(1, 1), start);
  admission_.arrive(suggestion(2, 2), start);
  const Actions chat = admission_.arrive(ticket(3, Lane::interactive), start + 100ms);
  EXPECT_TRUE(answers(chat, 1));
  EXPECT_TRUE(answers(chat, 2));
  EXPECT_FALSE(starts(chat, 2));
}

TEST_F(Sharing, BlockingTasksShareToo) {
  Ticket first = ticket(1, Lane::blocking);
  Ticket second = ticket(2, Lane::blocking);
  first.canonical = second.canonical = CanonicalKey{5, 5};
  EXPECT_TRUE(starts(admission_.arrive(first, start), 1));
  EXPECT_TRUE(shares(admission_.arrive(second, start), 2, 1));
  admission_.finished(1, start + 1s);
  EXPECT_EQ(admission_.held(), 0u);
}

}  // namespace
}  // namespace tasklane
