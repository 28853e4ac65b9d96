// The echo: tasks with templates of their own are known by the chat that they quote, before or after it, and
// nothing else is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

constexpr const char* german_question =
    "Welche Stauden vertragen einen trockenen Platz unter einer alten Birke?";

std::string titled(const std::string& asked, const std::string& answered = "") {
  return "Gib dem Gespräch eine kurze Überschrift, als JSON {\"title\": \"\"}.\n\nUSER: " + asked +
         "\nASSISTANT: " + answered;
}

class AnEcho : public testing::Test {
 protected:
  void chat(const std::string& text) {
    ASSERT_EQ(front_end_.openai(chat_body({{"user", text}})).request_class, RequestClass::chat);
  }
  FrontEnd front_end_;
};

TEST_F(AnEcho, OfAChatJustServedMakesATaskOfItsClass) {
  const Classification served = front_end_.openai(chat_body({{"user", german_question}}));
  front_end_.wait(3s);
  const Classification task =
      front_end_.openai(task_body(titled(german_question, "Elfenblumen, Waldsteinia.")));
  EXPECT_EQ(task.request_class, RequestClass::title);
  EXPECT_EQ(task.evidence, Evidence::echo);
  EXPECT_EQ(task.certainty, Certainty::contract);
  EXPECT_GE(task.score, 0.9);
  EXPECT_EQ(task.tenant, served.tenant);
  EXPECT_EQ(task.typist, served.typist);
}

// As long as a window, behind a phrase that has used up all candidates.
TEST_F(AnEcho, OfSixteenBytesIsOne) {
  chat("How to cook rice");
  chat("go on with the list please, and tell me of something else entirely, which is not here at all");
  std::string said = "ASSISTANT: ";
  for (int time = 0; time < 80; ++time) said += "go on with the list please. ";
  EXPECT_EQ(front_end_
                .openai(task_body("Suggest tags {\"tags\": [\"tag1\"]} for\n" + said +
                                  "\nUSER: How to cook rice\nThanks"))
                .request_class,
            RequestClass::tags);
}

TEST_F(AnEcho, WithoutItsChatIsAChat) {
  const Classification alone = front_end_.openai(task_body(titled(german_question)));
  EXPECT_EQ(alone.request_class, RequestClass::chat);
  EXPECT_EQ(alone.evidence, Evidence::none);
  EXPECT_TRUE(alone.task_shaped);
}

TEST_F(AnEcho, ComesLateWhereTheTitleComesBeforeItsChat) {
  ASSERT_EQ(front_end_.openai(task_body(titled(german_question))).request_class, RequestClass::chat);
  const RequestId title = front_end_.last_id();
  front_end_.wait(40ms);
  const Classification chat = front_end_.openai(chat_body({{"user", german_question}}));
  EXPECT_EQ(chat.request_class, RequestClass::chat);
  ASSERT_EQ(chat.unmasked.size(), 1u);
  EXPECT_EQ(chat.unmasked[0].id, title);
  EXPECT_EQ(chat.unmasked[0].request_class, RequestClass::title);
  EXPECT_TRUE(front_end_.openai(chat_body({{"user", german_question}})).unmasked.empty()) << "once is enough";
}

TEST_F(AnEcho, ComesTooLateForARequestThatHasEnded) {
  front_end_.openai(task_body(titled(german_question)));
  front_end_.classifier().ended(front_end_.last_id(), front_end_.now());
  EXPECT_TRUE(front_end_.openai(chat_body({{"user", german_question}})).unmasked.empty());
}

TEST_F(AnEcho, ComesTooLateBehindTheSettleTime) {
  front_end_.openai(task_body(titled(german_question)));
  front_end_.wait(401ms);
  EXPECT_TRUE(front_end_.openai(chat_body({{"user", german_question}})).unmasked.empty());
}

TEST_F(AnEcho, ComesLateForATitleAlone) {
  front_end_.openai(
      task_body("Schlagwörter als JSON {\"tags\": []}\n\nUSER: " + std::string(german_question)));
  EXPECT_TRUE(front_end_.openai(chat_body({{"user", german_question}})).unmasked.empty())
      << "a person may wait for it";
}

TEST_F(AnEcho, ComesLateWhereTheQuestionWasAskedBefore) {
  chat(german_question);
  front_end_.wait(60s);
  ASSERT_EQ(front_end_.openai(task_body(titled(german_question))).request_class, RequestClass::chat);
  front_end_.wait(5ms);
  EXPECT_EQ(front_end_.openai(chat_body({{"user", german_question}})).unmasked.size(), 1u);
}

TEST_F(AnEcho, HasItsTimeRightBehindTheChat) {
  chat(german_question);
  front_end_.wait(3s);
  EXPECT_EQ(front_end_.openai(task_body(titled(german_question))).request_class, RequestClass::title);
  front_end_.wait(1ms);
  const Classification late = front_end_.openai(task_body(titled(german_question)));
  EXPECT_EQ(late.request_class, RequestClass::chat);
  EXPECT_EQ(late.certainty, Certainty::echo);
}

TEST_F(AnEcho, BesideItsRunningChatShowsNothing) {
  front_end_.takes_time();
  chat(german_question);
  const RequestId running = front_end_.last_id();
  EXPECT_TRUE(front_end_.openai(task_body(titled(german_question))).power().nothing());
  front_end_.ended(running);
  EXPECT_TRUE(front_end_.openai(task_body(titled(german_question))).power().may(May::wait));
}

TEST_F(AnEcho, OfAnotherTenantIsNotHeard) {
  chat(german_question);
  const std::vector<HeaderField> key{{"Authorization", "Bearer other"}};
  const std::vector<HeaderField> program{{"User-Agent", "another/1.0"}};
  const std::vector<HeaderField> person{{"X-OpenWebUI-User-Id", "bea"}};
  for (const auto& headers : {key, program, person}) {
    const Classification task = front_end_.openai(task_body(titled(german_question)), headers);
    EXPECT_EQ(task.request_class, RequestClass::chat) << headers.front().name;
    EXPECT_EQ(task.certainty, Certainty::none) << headers.front().name;
  }
  front_end_.from("10.0.0.9");
  EXPECT_EQ(front_end_.openai(task_body(titled(german_question))).certainty, Certainty::none);
}

TEST_F(AnEcho, OfAContractWithMoreInItHasNoPower) {
  chat(german_question);
  const Classification outline = front_end_.ollama(
      task_body("Plane einen Bericht, als JSON {\"title\": \"...\", \"sections\": []}.\n\nFrage: " +
                std::string(german_question)));
  EXPECT_EQ(outline.request_class, RequestClass::chat);
  EXPECT_EQ(outline.certainty, Certainty::echo);
  EXPECT_TRUE(outline.power().nothing());
}

TEST_F(AnEcho, OfTwoWordsCountsOnlyAsALineOfAConversation) {
  chat("Hallo du");
  EXPECT_EQ(front_end_.openai(task_body(titled("Hallo du", "Hallo!"))).request_class, RequestClass::title);
  EXPECT_EQ(front_end_.openai(task_body(titled("Hallo", "Hallo!"))).request_class, RequestClass::chat);
  EXPECT_EQ(front_end_.openai(task_body("Hallo du, schreibe JSON {\"title\": \"\"} zum Wort Hallo du."))
                .request_class,
            RequestClass::chat);
}

TEST_F(AnEcho, OfAShortMessageComesLateToo) {
  front_end_.openai(task_body(titled("Hallo du")));
  const auto chat = front_end_.openai(chat_body({{"user", "Hallo du"}}));
  ASSERT_EQ(chat.unmasked.size(), 1u);
  EXPECT_EQ(chat.unmasked[0].request_class, RequestClass::title);
}

TEST_F(AnEcho, IsHeardInScriptsWithoutSpaces) {
  const std::string asked = "梅雨の時期に洗濯物を早く乾かすにはどうすればいいですか。";
  chat(asked);
  EXPECT_EQ(
      front_end_
          .openai(task_body("次の会話に合うタグを {\"tags\": [\"…\"]} の形で答えてください。\n\nUSER: " +
                            asked + "\nASSISTANT: 扇風機を使いましょう。"))
          .request_class,
      RequestClass::tags);
}

TEST_F(AnEcho, IsHeardInAPromptThatHoldsTheMessageAlone) {
  const std::string asked = "Как быстро отвыкнуть от привычки проверять телефон каждые пять минут?";
  chat(asked);
  const auto task = front_end_.openai(task_body("Придумай короткий заголовок для сообщения «" + asked +
                                                "» в виде JSON: {\"title\": \"...\"}"));
  EXPECT_EQ(task.request_class, RequestClass::title);
}

TEST_F(AnEcho, IsHeardWhereTheMiddleOfAMessageWasCut) {
  std::string asked;
  for (int i = 0; i < 200; ++i)
    asked += "Satz Nummer " + std::to_string(i * 7919 % 1000) + " über das Wetter. ";
  chat(asked);
  const std::string cut = asked.substr(0, 498) + "..." + asked.substr(asked.size() - 499);
  const auto task = front_end_.openai(
      task_body("Drei Fragen, als JSON {\"follow_ups\": []}\nUSER: " + cut + "\nASSISTANT: ja"));
  EXPECT_EQ(task.request_class, RequestClass::follow_up);
  const std::string start = asked.substr(0, 400);
  EXPECT_EQ(front_end_.openai(task_body("Titel als JSON {\"title\": \"\"} zu: " + start)).request_class,
            RequestClass::title);
}

TEST_F(AnEcho, IsHeardThroughRetrievedContext) {
  const std::string asked = "Wann wurde die Brücke über den Kanal zuletzt gestrichen?";
  chat(
      "### Task:\nRespond to the user query using the provided context.\n<context>\nBauakte "
      "7\n</context>\n\n" +
      asked);
  EXPECT_EQ(front_end_.openai(task_body(titled(asked, "1998."))).request_class, RequestClass::title);
}

TEST_F(AnEcho, WithoutAContractHasNoPower) {
  chat(german_question);
  const auto task = front_end_.ollama(
      task_body("Fasse in drei Worten zusammen, worum es geht: " + std::string(german_question)));
  EXPECT_EQ(task.request_class, RequestClass::chat);
  EXPECT_EQ(task.certainty, Certainty::echo);
  EXPECT_TRUE(task.power().nothing());
  EXPECT_TRUE(task.unmasked.empty());
}

// The front end is known by its tags; its titles are in nobody's contract.
class AShapeOfOnesOwn : public AnEcho {
 protected:
  void SetUp() override {
    const std::string framed =
        "### Task:\nTags. { \"tags\": [\"a\"] }\n<chat_history>\nUSER: hi\n</chat_history>";
    ASSERT_EQ(front_end_.openai(task_body(framed)).certainty, Certainty::named);
  }
  static std::string asked(int turn) {
    return std::string(german_question) + " Nummer " + std::to_string(turn);
  }
  Classification title(int turn) {
    return front_end_.openai(task_body("Gib einen Titel, nur den Titel.\n\nUSER: " + asked(turn) +
                                       "\nASSISTANT: Ja " + std::to_string(turn)));
  }
  Classification after_its_chat(int turn, Duration wait = 1s) {
    chat(asked(turn));
    front_end_.wait(wait);
    Classification result = title(turn);
    front_end_.wait(60s);
    return result;
  }
};

TEST_F(AShapeOfOnesOwn, IsLearntTheFourthTimeAndOnlyWaits) {
  for (int turn = 0; turn < 3; ++turn) EXPECT_TRUE(after_its_chat(turn).power().nothing()) << turn;
  const Classification fourth = after_its_chat(3);
  EXPECT_EQ(fourth.certainty, Certainty::learnt);
  EXPECT_EQ(fourth.request_class, RequestClass::task);
  EXPECT_TRUE(fourth.power().may(May::wait));
  EXPECT_FALSE(fourth.power().may(May::cancel));
}

TEST_F(AShapeOfOnesOwn, ThatCameLongBehindItsChatIsNeverLearnt) {
  after_its_chat(0, 4s);
  for (int turn = 1; turn < 9; ++turn) EXPECT_TRUE(after_its_chat(turn).power().nothing()) << turn;
}

TEST_F(AShapeOfOnesOwn, ThatCameBeforeItsChatIsNeverLearnt) {
  for (int turn = 0; turn < 3; ++turn) after_its_chat(turn);
  title(10);
  front_end_.ended(front_end_.last_id());
  front_end_.wait(2s);
  chat(asked(10));
  for (int turn = 20; turn < 26; ++turn) EXPECT_TRUE(after_its_chat(turn).power().nothing()) << turn;
}

TEST_F(AShapeOfOnesOwn, BesideARunningChatIsNeverLearnt) {
  front_end_.takes_time();
  chat(asked(0));
  title(0);
  front_end_.ended(front_end_.last_id() - 1);
  for (int turn = 1; turn < 9; ++turn) {
    chat(asked(turn));
    front_end_.ended(front_end_.last_id());
    EXPECT_TRUE(title(turn).power().nothing()) << turn;
    front_end_.wait(60s);
  }
}

TEST_F(AShapeOfOnesOwn, OfWhoIsNoFrontEndIsNeverLearnt) {
  front_end_.from("10.0.0.9");
  for (int turn = 0; turn < 9; ++turn) EXPECT_TRUE(after_its_chat(turn).power().nothing()) << turn;
}

TEST_F(AnEcho, NeverMakesATaskOfACompaction) {
  const std::string second = "Und welche davon blühen schon im März, bevor die Birke Laub hat?";
  front_end_.ollama(chat_body({{"user", german_question}, {"assistant", "Elfenblumen."}, {"user", second}}));
  Json compaction =
      task_body("Fasse den bisherigen Verlauf zusammen, damit er ersetzt werden kann.\n\nUSER: " +
                std::string(german_question) + "\nASSISTANT: Elfenblumen.\nUSER: " + second);
  compaction["options"] = {{"num_predict", 1000}};
  EXPECT_EQ(front_end_.ollama(compaction).request_class, RequestClass::chat);
  Json one_turn =
      task_body("Fasse zusammen.\n\nUSER: " + std::string(german_question) + "\nASSISTANT: Elfenblumen.");
  one_turn["options"] = {{"num_predict", 1000}};
  EXPECT_EQ(front_end_.ollama(one_turn).request_class, RequestClass::chat);
}

TEST_F(AnEcho, NeverMakesATaskOfWhatIsStreamedOrHasToolsOrTurns) {
  chat(german_question);
  Json streamed = task_body(titled(german_question));
  streamed["stream"] = true;
  EXPECT_EQ(front_end_.openai(streamed).request_class, RequestClass::chat);
  Json tools = task_body(titled(german_question));
  tools["tools"] = Json::array({{{"type", "function"}}});
  EXPECT_EQ(front_end_.openai(tools).request_class, RequestClass::chat);
  Json turns = task_body("hello there");
  turns["messages"].push_back(message("assistant", "hi"));
  turns["messages"].push_back(message("user", titled(german_question)));
  EXPECT_EQ(front_end_.openai(turns).request_class, RequestClass::chat);
}

TEST_F(AnEcho, NeverMakesATaskOfTheSameRequestOnceMore) {
  const std::string ask = "Schreibe JSON {\"title\": \"\"} für einen Artikel über Regenwürmer im Kompost.";
  chat(ask);
  EXPECT_EQ(front_end_.ollama(task_body(ask)).request_class, RequestClass::chat);
  EXPECT_EQ(front_end_.ollama(task_body(ask + " Bitte kürzer, und ohne Doppelpunkt.")).request_class,
            RequestClass::chat);
}

TEST_F(AnEcho, NeverMakesATaskOfAScriptThatRepeatsItself) {
  const std::string page = "Der Fluss entspringt im Norden und mündet nach 230 Kilometern ins Meer.";
  for (int i = 0; i < 3; ++i) {
    const auto one = front_end_.openai(task_body(page));
    EXPECT_EQ(one.request_class, RequestClass::chat);
    const auto two =
        front_end_.openai(task_body("Give keywords as JSON {\"tags\": []} for this text: " + page));
    EXPECT_EQ(two.request_class, RequestClass::chat);
    EXPECT_TRUE(two.unmasked.empty());
  }
}

TEST_F(AnEcho, NeverMakesATaskOfAPromptThatGrows) {
  std::string prompt =
      "The following is a conversation with a helpful gardener.\nUSER: which soil?\nASSISTANT:";
  for (int turn = 0; turn < 4; ++turn) {
    EXPECT_EQ(front_end_.openai(task_body(prompt)).request_class, RequestClass::chat);
    prompt += " loose and dry\nUSER: and in which month, number " + std::to_string(turn) + "?\nASSISTANT:";
  }
}

TEST_F(AnEcho, NeverMakesATaskOfAChannelReply) {
  const std::string system =
      "You are m, participating in a threaded conversation. Be concise and conversational.";
  const auto reply = [&](const std::string& thread) {
    return front_end_.ollama(chat_body({{"system", system}, {"user", thread}}, false)).request_class;
  };
  EXPECT_EQ(reply("User: @m when does the next train to the coast leave?"), RequestClass::chat);
  EXPECT_EQ(reply("User: @m when does the next train to the coast leave?\nm: At ten.\nUser: and back?"),
            RequestClass::chat);
}

TEST_F(AnEcho, KnowsAnUnfilledTemplateByTheTasksAroundIt) {
  const std::string unfilled = "Schlagwörter als JSON {\"tags\": []}\n{{MESSAGES:END:4|middletruncate:400}}";
  EXPECT_EQ(front_end_.ollama(task_body(unfilled)).request_class, RequestClass::chat)
      << "alone it is a paste";
  chat(german_question);
  ASSERT_EQ(front_end_.ollama(task_body(titled(german_question))).request_class, RequestClass::title);
  EXPECT_EQ(front_end_.ollama(task_body(unfilled)).request_class, RequestClass::tags);
  front_end_.from("10.0.0.9");
  EXPECT_EQ(front_end_.ollama(task_body(unfilled)).request_class, RequestClass::chat);
}

TEST_F(AnEcho, TellsTheChatsOfTwoPeopleApart) {
  const std::string other = "Quel vin servir avec un risotto aux champignons des bois ?";
  const auto first =
      front_end_.openai(chat_body({{"user", german_question}}), {{"X-OpenWebUI-User-Id", "anna"}});
  const auto second = front_end_.openai(chat_body({{"user", other}}), {{"X-OpenWebUI-User-Id", "bea"}});
  EXPECT_NE(first.typist, second.typist);
  EXPECT_NE(first.chat, second.chat);
  EXPECT_EQ(front_end_.openai(task_body(titled(german_question)), {{"X-OpenWebUI-User-Id", "anna"}}).typist,
            first.typist);
  EXPECT_EQ(front_end_.openai(task_body(titled(other)), {{"X-OpenWebUI-User-Id", "anna"}}).certainty,
            Certainty::none);
}

TEST_F(AnEcho, StaysWithinItsBoundsUnderManyMessages) {
  for (int i = 0; i < 6000; ++i)
    front_end_.openai(
        chat_body({{"user", "Frage Nummer " + std::to_string(i) + ": wie geht es weiter mit dem Garten?"}}));
  const auto asked = [](int i) {
    return titled("Frage Nummer " + std::to_string(i) + ": wie geht es weiter mit dem Garten?");
  };
  EXPECT_EQ(front_end_.openai(task_body(asked(5999))).request_class, RequestClass::title);
  EXPECT_EQ(front_end_.openai(task_body(asked(5))).request_class, RequestClass::chat)
      << "the oldest are forgotten";
}

}  // namespace
}  // namespace tasklane
