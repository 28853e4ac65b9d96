// What must stay a chat, and what the header and the path say.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;

const std::string framed_title =
    "### Task:\nName it.\n### Output:\nJSON format: { \"title\": \"x\" }\n### Chat History:\n<chat_history>\n"
    "USER: Where do swifts sleep?\nASSISTANT: In the air.\n</chat_history>";

class AChat : public testing::Test {
 protected:
  FrontEnd front_end_;
};

TEST_F(AChat, WithRetrievedContextStaysOne) {
  const std::string prompt =
      "### Task:\nRespond to the user query using the provided context, with citations.\n\n### Output:\nJSON "
      "format: "
      "{ \"title\": \"x\" }\n<context>\nabc\n</context>\n\nWhat does it say?</chat_history>";
  EXPECT_EQ(front_end_.ollama(task_body(prompt)).request_class, RequestClass::chat);
}

TEST_F(AChat, IsWhateverHasMoreTextThanAModelReads) {
  const std::string before = framed_title.substr(0, framed_title.find("Where do swifts"));
  const std::string behind = framed_title.substr(before.size());
  const auto class_with = [&](std::size_t more) {
    return front_end_.ollama(task_body(before + std::string(more, 'x') + behind)).request_class;
  };
  EXPECT_EQ(class_with(1U << 20), RequestClass::title);
  EXPECT_EQ(class_with(5U << 20), RequestClass::chat);
}

TEST_F(AChat, ThatLooksLikeATaskButAsksForProseStaysOne) {
  EXPECT_EQ(front_end_.ollama(task_body("### Task:\nWrite a haiku about rain.\n### Output:\nplain text"))
                .request_class,
            RequestClass::chat);
  EXPECT_EQ(front_end_.ollama(task_body("### Task:\nGenerate a concise title for: rain on tin roofs"))
                .request_class,
            RequestClass::chat);
}

TEST_F(AChat, WithATemplateWhosePlaceholdersAreUnfilledStaysOne) {
  const std::string pasted =
      "### Task:\nName it.\n### Output:\n{ \"title\": \"x\" "
      "}\n<chat_history>\n{{MESSAGES:END:2}}\n</chat_history>";
  EXPECT_EQ(front_end_.ollama(task_body(pasted)).request_class, RequestClass::chat);
}

TEST_F(AChat, InTheKeyOrderOfTheWebPageStaysOneOnOpenAiConnections) {
  EXPECT_EQ(front_end_.openai(chat_body({{"user", framed_title}}, false)).request_class, RequestClass::chat);
  EXPECT_EQ(front_end_.openai(task_body(framed_title)).request_class, RequestClass::title);
}

TEST_F(AChat, IsNotWhatAGatewayWritesInAnotherOrder) {
  const Json gateway{
      {"messages", Json::array({message("user", framed_title)})}, {"model", "m"}, {"max_tokens", 50}};
  const Classification title = front_end_.openai(gateway);
  EXPECT_EQ(title.request_class, RequestClass::title);
  EXPECT_EQ(title.certainty, Certainty::named);
  EXPECT_LT(title.score, front_end_.openai(task_body(framed_title)).score) << "the order weighs";
}

TEST_F(AChat, IsWhatShowsAPacksKeyAmongOthers) {
  const std::string more =
      "### Task:\nName it.\n### Output:\n{ \"title\": \"x\", \"author\": \"y\" }\n"
      "<chat_history>\nUSER: Where do swifts sleep?\n</chat_history>";
  const Classification result = front_end_.ollama(task_body(more));
  EXPECT_EQ(result.request_class, RequestClass::chat);
  EXPECT_TRUE(result.power().nothing());
}

TEST_F(AChat, AtResponsesOrMessagesIsOneToo) {
  const Json said{{"model", "m"}, {"input", "Where do swifts sleep?"}, {"stream", true}};
  EXPECT_EQ(front_end_.responses(said).request_class, RequestClass::chat);
  EXPECT_EQ(front_end_.send("/v1/messages", chat_body({{"user", "Where do swifts sleep?"}})).request_class,
            RequestClass::chat);
  const Json part{{"type", "input_text"}, {"text", framed_title}};
  const Json item{{"type", "message"}, {"role", "user"}, {"content", Json::array({part})}};
  const Json title{{"model", "m"}, {"input", Json::array({item})}, {"stream", false}};
  EXPECT_EQ(front_end_.responses(title).request_class, RequestClass::title);
}

TEST_F(AChat, OfASubAgentOrAChannelStaysOne) {
  for (const std::string system : {"You are a sub-agent working for a lead agent.",
                                   "You are m, participating in a threaded conversation. Be concise."}) {
    const Json body = chat_body({{"system", system}, {"user", framed_title}}, false);
    EXPECT_EQ(front_end_.ollama(body).request_class, RequestClass::chat) << system;
  }
  EXPECT_EQ(front_end_.ollama(chat_body({{"user", "[ASYNC SUBAGENT COMPLETE - deleg_1]\ndone"}}, false))
                .request_class,
            RequestClass::chat);
}

TEST_F(AChat, WithAnImageStaysOne) {
  Json body = task_body(framed_title);
  body["messages"][0]["images"] = Json::array({"AAAA"});
  EXPECT_EQ(front_end_.ollama(body).request_class, RequestClass::chat);
}

TEST_F(AChat, IsWhatABodyThatCannotBeReadIs) {
  for (const std::string body : {"", "{", "[]", "\xff\xfe", R"({"messages":)"}) {
    const Classification result = front_end_.send_bytes("/api/chat", body);
    EXPECT_EQ(result.request_class, RequestClass::chat) << body;
    EXPECT_FALSE(result.task_shaped);
  }
}

TEST_F(AChat, IsWhatAScriptsLonePromptIs) {
  const Classification result = front_end_.openai(task_body("Name a river in Estonia"));
  EXPECT_EQ(result.request_class, RequestClass::chat);
  EXPECT_TRUE(result.task_shaped) << "counted as one that could be a task";
}

TEST_F(AChat, IsTaggedByAnyOtherReplyThanItsOwnWhenTheDuplicateKeySaysSo) {
  const std::string prefix =
      R"({"model":"m","messages":[{"role":"user","content":)" + Json(framed_title).dump() + "}],";
  EXPECT_EQ(front_end_.send_bytes("/api/chat", prefix + R"("stream":false,"stream":true})").request_class,
            RequestClass::chat);
  EXPECT_EQ(front_end_.send_bytes("/api/chat", prefix + R"("stream":true,"stream":false})").request_class,
            RequestClass::title);
}

TEST(ATaskHeader, DecidesBeforeAnythingElse) {
  FrontEnd front_end;
  const auto with = [&](const char* value, const Json& body) {
    return front_end.openai(body, {{"x-openwebui-task", value}});
  };
  const Json chat = chat_body({{"user", "hello"}});
  EXPECT_EQ(with("title_generation", chat).request_class, RequestClass::title);
  EXPECT_EQ(with("title_generation", chat).evidence, Evidence::header);
  EXPECT_EQ(with("context_compaction", chat).request_class, RequestClass::compaction);
  EXPECT_EQ(with("", task_body(framed_title)).request_class, RequestClass::chat)
      << "present and empty: a chat";
  EXPECT_EQ(with("{{TASK}}", task_body(framed_title)).request_class, RequestClass::title)
      << "not filled: no word";
  EXPECT_EQ(with("something_new", task_body(framed_title)).request_class, RequestClass::other)
      << "a task that nobody knows is left alone";
}

TEST(APath, DecidesWhereNothingIsGenerated) {
  FrontEnd front_end;
  EXPECT_EQ(front_end.send("/api/embed", Json::object()).request_class, RequestClass::embedding);
  EXPECT_EQ(front_end.send("/v1/embeddings", Json::object()).request_class, RequestClass::embedding);
  EXPECT_EQ(front_end.send("/api/show", Json::object()).request_class, RequestClass::admin);
  EXPECT_EQ(front_end.send("/v1/images/generations", Json::object()).request_class, RequestClass::other);
  EXPECT_EQ(front_end.send("/v1/audio/transcriptions", Json::object()).request_class, RequestClass::chat)
      << "a POST that nobody knows counts as a chat";
  EXPECT_EQ(front_end.send("/api/generate", {{"model", "m"}, {"keep_alive", 0}}).request_class,
            RequestClass::admin);
  EXPECT_EQ(front_end.send("/api/generate", {{"prompt", "hi"}, {"stream", false}}).request_class,
            RequestClass::chat);
  EXPECT_EQ(front_end.send("/api/generate", {{"prompt", "hi"}}).request_class, RequestClass::chat);
}

TEST(AThreshold, MakesChatsOfWhatIsBelowIt) {
  auto packs = find_packs({"open-webui"}, {}).value();
  Classifier strict(packs, {0.99, 1, 2});
  BodyReader reader;
  const RequestHead head{"POST", "/api/chat", {}};
  const Endpoint endpoint = endpoint_of(head.method, head.target);
  const std::string body = task_body(framed_title).dump();
  const Classification result =
      strict.classify({1, head, endpoint, &reader.read(body, endpoint.dialect), "", Time{}});
  EXPECT_EQ(result.request_class, RequestClass::chat);
  EXPECT_EQ(result.evidence, Evidence::none);
  EXPECT_GT(result.score, 0.5);
}

TEST(NewPacks, AreUsedAtOnceAndTheEchoStays) {
  FrontEnd front_end{std::vector<std::string>{}};
  const std::string asked = "Which bird sleeps while it flies, and for how long?";
  front_end.openai(chat_body({{"user", asked}}));
  const Json title = task_body("Name this, as {\"title\": \"\"}:\nUSER: " + asked + "\nASSISTANT: the swift");
  EXPECT_EQ(front_end.openai(title).certainty, Certainty::contract) << "which needs no pack";
  EXPECT_EQ(front_end.openai(task_body(framed_title)).request_class, RequestClass::chat);
  front_end.classifier().use_packs(find_packs({"open-webui"}, {}).value());
  EXPECT_EQ(front_end.openai(title).request_class, RequestClass::title);
  EXPECT_EQ(front_end.openai(task_body(framed_title)).certainty, Certainty::named);
}

}  // namespace
}  // namespace tasklane
