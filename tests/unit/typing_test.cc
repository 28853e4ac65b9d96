// Whose keystrokes are whose: what replaces what, who is answered from which suggestion, whose chat it is.
#include "shaper/admit/typing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/start.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""ms;

constexpr Typist anna(3);
constexpr Typist address(5);
constexpr Typist other_address(7);
constexpr Typist bea(4);

TEST(AText, GoesOnFromAnotherThatItContinuesOrMends) {
  EXPECT_TRUE(goes_on("How do", "How do I cook"));
  EXPECT_TRUE(goes_on("How do I cook", "How do")) << "went back";
  EXPECT_TRUE(goes_on("How do I cok", "How do I cook rice")) << "mended a slip";
  EXPECT_TRUE(goes_on("梅雨の時期に洗濯物を乾", "梅雨の時期に洗濯機"));
}

TEST(AText, DoesNotGoOnFromSomebodyElses) {
  EXPECT_FALSE(goes_on("How do I cook rice", "How do I fix a bike")) << "half of it is the same";
  EXPECT_FALSE(goes_on("Hi there", "Hi Tom"));
  EXPECT_FALSE(goes_on("How do I cook", "How do I fix"));
  EXPECT_FALSE(goes_on("What", "Who"));
  EXPECT_FALSE(goes_on("", "Who")) << "nothing is known of it";
  EXPECT_FALSE(goes_on("", ""));
}

class Typing : public testing::Test {
 protected:
  static Ticket keystroke(RequestId id, const std::string& typed, Typist typist, TypistEvidence by) {
    Ticket made;
    made.id = id;
    made.lane = Standing(Lane::keystroke, power_of(Certainty::named, RequestClass::autocomplete));
    made.request_class = RequestClass::autocomplete;
    made.upstream = "model";
    made.typist = typist;
    made.typist_by = by;
    made.typed = typed;
    return made;
  }
  static Ticket in_chat(RequestId id, const std::string& typed, Typist typist, std::uint64_t editor) {
    Ticket made = keystroke(id, typed, typist, TypistEvidence::chat);
    made.editor = Editor(editor);
    return made;
  }
  static const AnswerNow* answered(const Actions& actions, RequestId id) {
    const auto found = std::find_if(actions.begin(), actions.end(), [id](const Action& action) {
      const auto* answer = std::get_if<AnswerNow>(&action);
      return answer != nullptr && answer->id == id;
    });
    return found == actions.end() ? nullptr : std::get_if<AnswerNow>(&*found);
  }
  Admission admission_;
};

TEST_F(Typing, OfAKnownPersonReplacesWhateverTheyTypedBefore) {
  Ticket older = keystroke(1, "How do", anna, TypistEvidence::header);
  Ticket newer = keystroke(2, "Tell me", anna, TypistEvidence::header);
  older.editor = newer.editor = Editor(9);
  admission_.arrive(older, start);
  EXPECT_NE(answered(admission_.arrive(newer, start + 1ms), 1), nullptr);
}

TEST_F(Typing, InAnEditorThatIsNotKnownReplacesNothing) {
  admission_.arrive(keystroke(1, "How do", {}, TypistEvidence::address), start);
  const Actions newer = admission_.arrive(keystroke(2, "How do I", {}, TypistEvidence::address), start + 1ms);
  EXPECT_EQ(answered(newer, 1), nullptr) << "it quotes a history that was not understood";
}

TEST_F(Typing, OfOneTenantNeverMeetsAnothers) {
  Ticket older = in_chat(1, "How do", anna, 31);
  Ticket newer = in_chat(2, "How do I", anna, 31);
  newer.tenant = Tenant(2);
  admission_.arrive(older, start);
  EXPECT_EQ(answered(admission_.arrive(newer, start + 1ms), 1), nullptr);
}

TEST_F(Typing, BehindOneAddressReplacesWhatItGoesOnFromAlone) {
  admission_.arrive(keystroke(1, "How do", address, TypistEvidence::address), start);
  const Actions other =
      admission_.arrive(keystroke(2, "Tell me", address, TypistEvidence::address), start + 1ms);
  EXPECT_EQ(answered(other, 1), nullptr) << "somebody else's";
  const Actions further =
      admission_.arrive(keystroke(3, "How do I", address, TypistEvidence::address), start + 2ms);
  EXPECT_NE(answered(further, 1), nullptr);
  EXPECT_EQ(answered(further, 2), nullptr);
}

TEST_F(Typing, InOneChatNeverReplacesWhatIsTypedInAnother) {
  admission_.arrive(in_chat(1, "And", anna, 31), start);
  const Actions other = admission_.arrive(in_chat(2, "And then", anna, 32), start + 1ms);
  EXPECT_EQ(answered(other, 1), nullptr) << "chats that begin alike";
  EXPECT_NE(answered(admission_.arrive(in_chat(3, "But", anna, 31), start + 2ms), 1), nullptr);
}

TEST_F(Typing, InAChatIsNeverAnsweredFromASuggestionInAnother) {
  admission_.suggested(Editor(31), "My name", " is Anna", start);
  EXPECT_EQ(answered(admission_.arrive(in_chat(2, "My name i", anna, 32), start), 2), nullptr);
  const Actions own = admission_.arrive(in_chat(3, "My name i", anna, 31), start);
  ASSERT_NE(answered(own, 3), nullptr);
  EXPECT_EQ(answered(own, 3)->text, "s Anna");
}

TEST_F(Typing, OfWhichNothingIsKnownIsNeverAnsweredFromASuggestion) {
  admission_.suggested(Editor(31), "", " cook rice", start);
  EXPECT_EQ(answered(admission_.arrive(in_chat(1, "", anna, 31), start), 1), nullptr);
}

TEST_F(Typing, EndsInTheChatOfItsTypist) {
  Ticket chat;
  chat.typist = anna;
  chat.typed = "And then?";
  EXPECT_TRUE(sends_it(chat, in_chat(1, "And", anna, 31)));
  EXPECT_FALSE(sends_it(chat, in_chat(1, "My name", anna, 31))) << "of a chat that begins alike";
  EXPECT_TRUE(sends_it(chat, keystroke(1, "My name", anna, TypistEvidence::header)));
  EXPECT_FALSE(sends_it(chat, in_chat(1, "And", bea, 31)));
  EXPECT_FALSE(sends_it(chat, keystroke(1, "And", address, TypistEvidence::address)));
  EXPECT_FALSE(sends_it(Ticket{}, keystroke(1, "And", {}, TypistEvidence::chat)));
  chat.request_class = RequestClass::query;
  EXPECT_FALSE(sends_it(chat, in_chat(1, "And", anna, 31))) << "no chat";
}

TEST_F(Typing, InANewChatEndsInTheFirstTurnThatGoesOnFromIt) {
  Ticket chat;
  chat.typist = anna;
  chat.newcomer = address;
  chat.typed = "Hello you.\nHow does one cook rice?";
  EXPECT_TRUE(sends_it(chat, keystroke(1, "How do", address, TypistEvidence::address)))
      << "the paragraph that was typed last";
  EXPECT_TRUE(sends_it(chat, keystroke(1, "Hello", address, TypistEvidence::address)));
  EXPECT_FALSE(sends_it(chat, keystroke(1, "Tell me", address, TypistEvidence::address)))
      << "somebody else's";
  EXPECT_FALSE(sends_it(chat, keystroke(1, "How do", other_address, TypistEvidence::address)));
}

}  // namespace
}  // namespace tasklane
