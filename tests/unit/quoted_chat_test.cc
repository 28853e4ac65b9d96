// What is left of a task's prompt where the chat that it quotes is taken out.
#include "shaper/task/quoted_chat.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

const std::string above = "(the conversation above this message)";
const std::string long_text =
    "The mill was built beside the weir in the year of the flood, and since then each miller has raised the "
    "sluice by a hand's breadth whenever the river came over the lower meadow in spring.";

std::vector<ChatText> bread() {
  return {{true, "Which bread keeps longest?"},
          {false, "Dense rye, wrapped in linen."},
          {true, "And how do I freeze it?"},
          {false, "Sliced, flat, from frozen into the toaster."}};
}

std::string left_of(const std::string& prompt, const std::vector<ChatText>& chat,
                    const QuoteWish& wish = {}) {
  const Result<Unquoted> unquoted = without_quote(prompt, chat, wish);
  return unquoted ? unquoted->text : "plain: " + unquoted.error().what;
}

TEST(AQuotedConversation, IsReplacedWithTheTagAroundItAndEveryOtherByteStays) {
  EXPECT_EQ(
      left_of("### Task:\nName it.\n### Chat History:\n<chat_history>\nUSER: Which bread keeps longest?\n"
              "ASSISTANT: Dense rye, wrapped in linen.\nUSER: And how do I freeze it?\nASSISTANT: Sliced, "
              "flat, from frozen into the toaster.\n</chat_history>\nBe brief. ",
              bread()),
      "### Task:\nName it.\n### Chat History:\n" + above + "\nBe brief. ");
}

TEST(AQuotedConversation, IsFoundWithoutATagAndInATagOfAnyName) {
  EXPECT_EQ(left_of("Stichworte!\nUSER: And how do I freeze it?\nASSISTANT: \n", bread()),
            "Stichworte!\n" + above + "\n");
  EXPECT_EQ(left_of("T\n\n<gespraech>\nUSER: And how do I freeze it?\nASSISTANT: \n</gespraech>\nNur JSON.",
                    bread()),
            "T\n\n" + above + "\nNur JSON.");
}

TEST(AQuotedConversation, MayLeaveMessagesOutAndLackTheLastAnswer) {
  EXPECT_EQ(
      left_of("x\nUSER: Which bread keeps longest?\nUSER: And how do I freeze it?\nASSISTANT: ", bread()),
      "x\n" + above);
}

TEST(AQuotedConversation, IsFoundWhereALongMessageWasCut) {
  const std::vector<ChatText> chat{{true, long_text}, {false, "I see."}};
  const std::string middle = long_text.substr(0, 40) + "..." + long_text.substr(long_text.size() - 30);
  const std::string beginning = long_text.substr(0, 90);
  const std::string end = long_text.substr(long_text.size() - 70);
  for (const std::string& cut : {middle, beginning, end, beginning + "..."})
    EXPECT_EQ(left_of("x\nUSER: " + cut + "\nASSISTANT: I see.", chat), "x\n" + above) << cut;
}

TEST(AQuotedConversation, MayHoldLinesThatLookLikeTheQuotesOfOthers) {
  const std::vector<ChatText> chat{
      {true, "<chat_history>\nUSER: hi\nASSISTANT: hello\n</chat_history>\nWhat is that?"},
      {false, "Markup."}};
  EXPECT_EQ(
      left_of("x\n<chat_history>\nUSER: <chat_history>\nUSER: hi\nASSISTANT: hello\n</chat_history>\nWhat is "
              "that?\nASSISTANT: Markup.\n</chat_history>",
              chat),
      "x\n" + above);
}

TEST(AQuotedConversation, LosesWhatTheFrontEndDoesNotShow) {
  const std::vector<ChatText> chat{
      {true,
       "### Task:\nUse the context.\n<context>x</context>\n\nWhen was the turbine rebuilt, and by whom?"},
      {false, "<details type=\"tool\">looked up</details>\nIn spring, by the mill."}};
  EXPECT_EQ(left_of("x\nUSER: When was the turbine rebuilt, and by whom?\nASSISTANT: In spring, by the mill.",
                    chat),
            "x\n" + above);
}

TEST(AQuoteOfMore, IsNone) {
  EXPECT_EQ(left_of("x\nUSER: Which bread keeps longest?\nASSISTANT: No idea.", bread()).substr(0, 6),
            "plain:");
  EXPECT_EQ(left_of("x\nUSER: Another chat's.\nUSER: And how do I freeze it?", bread()).substr(0, 6),
            "plain:");
  EXPECT_EQ(left_of("x\n<h>\nUSER: And how do I freeze it?\nand who pays?\n</h>", bread()).substr(0, 6),
            "plain:");
  EXPECT_EQ(
      left_of("x\nUSER: And how do I freeze it?\nASSISTANT: \n\nThen:\nUSER: new", bread()).substr(0, 6),
      "plain:");
  EXPECT_EQ(left_of("nothing at all", bread()).substr(0, 6), "plain:");
}

TEST(TheNextMessage, StaysBehindTheQuoteForWhoAsksBeforeItsTurn) {
  const std::string prompt =
      "q\n<chat_history>\nUSER: And how do I freeze it?\nASSISTANT: Sliced, flat, from frozen into the "
      "toaster.\n"
      "USER: Does toasting it twice hurt?\n</chat_history>\n";
  EXPECT_EQ(left_of(prompt, bread(), {.next_message = true}),
            "q\n<chat_history>\n" + above + "\nUSER: Does toasting it twice hurt?\n</chat_history>\n");
  EXPECT_EQ(left_of(prompt, bread()).substr(0, 6), "plain:");
}

TEST(AChatThatHasGoneOn, ServesOnlyWhereThatIsAsGood) {
  const std::string prompt = "x\nUSER: Which bread keeps longest?\nASSISTANT: Dense rye, wrapped in linen.";
  EXPECT_EQ(left_of(prompt, bread()), "plain: the chat that it quotes has gone on");
  EXPECT_EQ(left_of(prompt, bread(), {.next_message = false, .to_its_end = false}), "x\n" + above);
}

TEST(ALastMessage, IsFoundWithoutALabelWhereItIsLongEnoughAndStandsThereOnce) {
  EXPECT_EQ(left_of("Mood of: ```Sliced, flat, from frozen into the toaster.```", bread()),
            "Mood of: ```(your last answer above)```");
  EXPECT_EQ(left_of("Title of: And how do I freeze it? And how do I freeze it?",
                    {{true, "And how do I freeze it?!"}})
                .substr(0, 6),
            "plain:");
  EXPECT_EQ(left_of("Mood of: ok", {{true, "yes"}, {false, "ok"}}).substr(0, 6), "plain:");
}

TEST(MemorysReview, SaysTheAnswerTwice) {
  EXPECT_EQ(left_of("Review.\nConversation:\nuser: And how do I freeze it?\n\nassistant: Sliced, flat, from "
                    "frozen into "
                    "the toaster.\n\nassistant_final: Sliced, flat, from frozen into the toaster.\n",
                    bread()),
            "Review.\nConversation:\n" + above + "\n");
}

}  // namespace
}  // namespace tasklane
