// Who typed a request: a header, the chat that it is or quotes, the client's address, in that order.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;

const std::string beeches = "Which evergreen ground covers grow in dry shade under old beech trees?";
const std::string tyres = "How can I repair a bicycle tyre without any special tools at home?";

std::string user(const std::string& said) { return "USER: " + said + "\n"; }
std::string model(const std::string& said) { return "ASSISTANT: " + said + "\n"; }

// As Open WebUI asks for a completion, with the lines of the conversation so far.
Json typing(const std::string& text, const std::string& history = "\n") {
  return task_body(
      "### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the **completion "
      "type** in `<type>`.\n### Output\nJSON: { \"text\": \"<your_completion>\" }\n### "
      "Context:\n<chat_history>\n" +
      history + "</chat_history>\n<type>general</type>  \n<text>" + text + "</text>  \n#### Output:\n");
}

std::vector<HeaderField> by(const std::string& who) { return {{"X-OpenWebUI-User-Id", who}}; }

class ATypist : public testing::Test {
 protected:
  Classification types(const std::string& text, const std::string& history = "\n",
                       std::vector<HeaderField> headers = {}) {
    Classification result = front_end_.ollama(typing(text, history), std::move(headers));
    EXPECT_EQ(result.request_class, RequestClass::autocomplete);
    EXPECT_EQ(front_end_.openai(typing(text, history)).request_class, RequestClass::autocomplete);
    return result;
  }
  Classification sends(std::vector<std::pair<std::string, std::string>> messages,
                       std::vector<HeaderField> headers = {}) {
    Classification result = front_end_.openai(chat_body(std::move(messages)), std::move(headers));
    EXPECT_EQ(result.request_class, RequestClass::chat);
    return result;
  }
  FrontEnd front_end_;
};

TEST_F(ATypist, IsWhomAHeaderNamesWhateverIsQuoted) {
  const auto chat = sends({{"user", beeches}}, by("anna"));
  const auto in_it = types("And", user(beeches) + model("Ivy."), by("anna"));
  const auto elsewhere = types("And", "\n", by("anna"));
  EXPECT_EQ(in_it.typist, chat.typist);
  EXPECT_EQ(elsewhere.typist, chat.typist);
  EXPECT_EQ(in_it.typist_by, TypistEvidence::header);
  EXPECT_TRUE(in_it.editor.known());
  EXPECT_TRUE(elsewhere.editor.known()) << "nobody else types there";
  EXPECT_NE(in_it.editor, elsewhere.editor);
  EXPECT_NE(types("And", user(beeches) + model("Ivy."), by("bea")).typist, chat.typist);
}

TEST_F(ATypist, IsToldByTheChatThatIsQuoted) {
  const auto first = sends({{"user", beeches}});
  const auto second = sends({{"user", tyres}});
  ASSERT_NE(first.typist, second.typist) << "both come from one address";
  const auto in_first = types("And", user(beeches) + model("Ivy."));
  const auto in_second = types("And", user(tyres) + model("Patch it."));
  EXPECT_EQ(in_first.typist, first.typist);
  EXPECT_EQ(in_second.typist, second.typist);
  EXPECT_EQ(in_first.typist_by, TypistEvidence::chat);
  EXPECT_NE(in_first.editor, in_second.editor);
  EXPECT_EQ(types("And what", user(beeches) + model("Ivy.")).editor, in_first.editor);
}

TEST_F(ATypist, IsTheSameWhereTheChatWasNeverSeen) {
  const auto before = types("And", user(beeches) + model("Ivy."));
  const auto chat = sends({{"user", beeches}, {"assistant", "Ivy."}, {"user", "And ferns?"}});
  EXPECT_EQ(before.typist, chat.typist);
}

TEST_F(ATypist, IsToldWhileTheAnswerIsStillEmpty) {
  EXPECT_EQ(types("And", user(beeches) + model("")).typist, sends({{"user", beeches}}).typist);
}

TEST_F(ATypist, StaysTheSameWhileTheChatGrows) {
  std::vector<std::pair<std::string, std::string>> messages;
  std::vector<std::string> lines;
  Typist typist;
  for (int turn = 0; turn < 6; ++turn) {
    const std::string said = "Question number " + std::to_string(turn) + " about ferns and ivy?";
    messages.emplace_back("user", said);
    const auto chat = sends(messages);
    if (turn == 0) typist = chat.typist;
    EXPECT_EQ(chat.typist, typist) << "turn " << turn;
    messages.emplace_back("assistant", "Answer " + std::to_string(turn));
    lines.push_back(user(said) + model("Answer " + std::to_string(turn)));
    std::string history;  // the last six messages
    for (std::size_t i = lines.size() > 3 ? lines.size() - 3 : 0; i < lines.size(); ++i) history += lines[i];
    EXPECT_EQ(types("And", history).typist, typist) << "turn " << turn;
  }
}

TEST_F(ATypist, IsToldThroughRetrievedContext) {
  const auto first = sends({{"user", "### Task:\nUse it.\n<context>\nfile 7\n</context>\n\n" + beeches}});
  EXPECT_EQ(types("And", user(beeches) + model("Ivy.")).typist, first.typist);
  EXPECT_EQ(sends({{"user", beeches}, {"assistant", "Ivy."}, {"user", "And ferns?"}}).typist, first.typist);
}

TEST_F(ATypist, IsNotTheOneOfAnotherAddress) {
  const auto here = sends({{"user", beeches}});
  const auto quoted_here = types("And", user(beeches) + model("Ivy."));
  front_end_.from("10.0.0.9");
  const auto there = types("And", user(beeches) + model("Ivy."));
  EXPECT_NE(there.typist, here.typist);
  EXPECT_NE(there.editor, quoted_here.editor);
  EXPECT_NE(types("And").typist, here.typist);
}

TEST_F(ATypist, OfAChatThatBeginsLikeAnothersHasAnEditorOfTheirOwn) {
  sends({{"user", "Hello"}});
  const auto anna = types("My name", user("Hello") + model("Hi! How are you?"));
  const auto bea = types("My name", user("Hello") + model("Good morning."));
  EXPECT_NE(anna.editor, bea.editor);
}

TEST_F(ATypist, InANewChatThatAHeaderNamesHasAnEditorOfTheirOwn) {
  const auto one = types("How do I", "\n", {{"X-OpenWebUI-Chat-Id", "7"}});
  EXPECT_TRUE(one.editor.known());
  EXPECT_NE(types("How do I", "\n", {{"X-OpenWebUI-Chat-Id", "8"}}).editor, one.editor);
}

TEST_F(ATypist, WithAHistoryThatIsNotUnderstoodIsNotKnown) {
  const auto one = types("How do I", "<turn who=7>Hello</turn>\n");
  EXPECT_FALSE(one.editor.known());
  EXPECT_FALSE(one.typist.known());
}

TEST_F(ATypist, InANewChatIsTheAddressAlone) {
  sends({{"user", beeches}});
  const auto one = types("How do I");
  EXPECT_EQ(one.typist_by, TypistEvidence::address);
  EXPECT_FALSE(one.editor.known()) << "anybody may type there";
  EXPECT_EQ(types(beeches).typist, one.typist) << "the text itself quotes nobody";
  EXPECT_EQ(types(user(beeches)).typist, one.typist);
}

TEST_F(ATypist, OfANewChatIsKnownAgainInItsFirstTurnAlone) {
  const auto before = types("How do I");
  const auto chat = sends({{"user", "How do I cook rice?"}});
  EXPECT_EQ(chat.newcomer, before.typist);
  EXPECT_EQ(
      sends({{"user", "How do I cook rice?"}, {"assistant", "Slowly."}, {"user", "And then?"}}).newcomer,
      Typist());
  EXPECT_EQ(sends({{"user", "How do I cook rice?"}}, by("anna")).newcomer, Typist());
}

TEST_F(ATypist, WithATemplateOfTheirOwnIsNobody) {
  sends({{"user", beeches}});
  const auto one = front_end_.openai(task_body("Setze den Text fort, als JSON {\"text\": \"\"}.\n" +
                                               user(beeches) + model("Ivy.") + "\n<text>And</text>"));
  EXPECT_EQ(one.request_class, RequestClass::chat) << "{\"text\"} is anybody's";
  EXPECT_TRUE(one.power().nothing());
}

}  // namespace
}  // namespace tasklane
