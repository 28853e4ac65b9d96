// A chat's request with a message more.
#include "shaper/dialect/next_message.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tasklane {
namespace {

TEST(TheNextMessage, OllamasKeepsWhatShapesThePromptAndTakesWhatChoosesTheAnswer) {
  const auto chat = OrderedJson::parse(R"({"model":"m","messages":[{"role":"system","content":"s"},
      {"role":"user","content":"look","images":["aGk="]}],"stream":true,"tools":[{"a":1}],"think":"low",
      "keep_alive":"30m","format":"json","options":{"num_ctx":8192,"temperature":1.2,"num_predict":-1,"x":1}})");
  const auto task =
      OrderedJson::parse(R"({"model":"m","messages":[{"role":"user","content":"?"}],"think":false,
      "stream":true,"format":{"type":"object"},"options":{"num_ctx":2048,"num_predict":64,"seed":3}})");
  const auto whole = with_next_message(chat, "a hill", "name it", task, Dialect::ollama_chat);
  ASSERT_TRUE(whole);
  EXPECT_EQ(nlohmann::json(*whole), nlohmann::json::parse(R"({"model":"m","messages":[
      {"role":"system","content":"s"},{"role":"user","content":"look","images":["aGk="]},
      {"role":"assistant","content":"a hill"},{"role":"user","content":"name it"}],"stream":true,
      "tools":[{"a":1}],"think":"low","keep_alive":"30m","format":{"type":"object"},
      "options":{"num_ctx":8192,"num_predict":64,"seed":3,"x":1}})"));
}

TEST(TheNextMessage, OpenaisKeepsToolsTheirChoiceAndTemplateArguments) {
  const auto chat = OrderedJson::parse(R"({"stream":true,"model":"m","messages":[{"role":"user","content":
      [{"type":"text","text":"hi"}]}],"tools":[1],"tool_choice":"auto","chat_template_kwargs":{"enable_thinking":true},
      "reasoning_effort":"low","temperature":2,"max_tokens":9000,"stop":["x"]})");
  const auto task =
      OrderedJson::parse(R"({"model":"m","messages":[{"role":"user","content":"?"}],"stream":true,
      "stream_options":{"include_usage":true},"max_tokens":64,"response_format":{"type":"json_object"},
      "reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":false}})");
  const auto whole = with_next_message(chat, "hello", "name it", task, Dialect::openai_chat);
  ASSERT_TRUE(whole);
  EXPECT_EQ(nlohmann::json(*whole),
            nlohmann::json::parse(R"({"model":"m","messages":[{"role":"user","content":
      [{"type":"text","text":"hi"}]},{"role":"assistant","content":"hello"},{"role":"user","content":"name it"}],
      "stream":true,"stream_options":{"include_usage":true},"max_tokens":64,
      "response_format":{"type":"json_object"},"tools":[1],"tool_choice":"auto",
      "chat_template_kwargs":{"enable_thinking":true},"reasoning_effort":"low"})"));
}

TEST(TheNextMessage, IsNotSaidBehindWhatIsNoQuestion) {
  for (const char* chat :
       {R"({"messages":[]})", R"({})", R"({"messages":[{"role":"assistant","content":"and"}]})"})
    EXPECT_FALSE(
        with_next_message(OrderedJson::parse(chat), "a", "b", OrderedJson::object(), Dialect::openai_chat));
}

TEST(TextsOfAChat, AreWhatThePersonAndTheModelSaid) {
  const auto texts = texts_of(OrderedJson::parse(R"({"messages":[{"role":"system","content":"s"},
      {"role":"user","content":[{"type":"image_url"},{"type":"text","text":"hi"}]},
      {"role":"assistant","content":null,"tool_calls":[1]},{"role":"tool","content":"42"},
      {"role":"assistant","content":"hello"}]})"));
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0].text, "hi");
  EXPECT_FALSE(texts[1].by_person);
}

}  // namespace
}  // namespace tasklane
