// A task's body is read once; what each upstream gets is made of it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/body.h"
#include "shaper/task/task_body.h"

namespace tasklane {
namespace {

const Then nothing_asked{};
const Upstream original{};

std::string sent(std::string_view text, Dialect dialect,
                 const BodyWish& wish = {.then = nothing_asked, .upstream = original}) {
  const Result<TaskBody> body = TaskBody::read(text, dialect);
  return body ? body->text_of(body->made(wish)) : "error: " + body.error().what;
}

TEST(TaskBody, ANonStreamedTaskIsAskedAsAStreamAndNothingElseChanges) {
  EXPECT_EQ(sent(R"({"model":"m","messages":[],"options":{"temperature":0.1},"stream":false})",
                 Dialect::ollama_chat),
            R"({"model":"m","messages":[],"options":{"temperature":0.1},"stream":true})");
  EXPECT_EQ(
      sent(R"({"model":"m","messages":[],"max_tokens":5})", Dialect::openai_chat),
      R"({"model":"m","messages":[],"max_tokens":5,"stream":true,"stream_options":{"include_usage":true}})");
}

TEST(TaskBody, OfAClientThatAskedForAStreamItGoesAsItCameByteForByte) {
  for (const std::string_view text : {R"({ "stream": true,"a": 1.50})", R"({"stream":true , "x":"\u00fc"})"})
    for (const Dialect dialect : {Dialect::openai_chat, Dialect::ollama_chat})
      EXPECT_EQ(sent(text, dialect), text);
  EXPECT_EQ(sent(R"({ "model":"m"})", Dialect::ollama_generate), R"({ "model":"m"})") << "Ollama's default";
}

TEST(TaskBody, AsItsClientSentItItIsNoStreamAndKeepsTheRulesChanges) {
  Upstream small;
  small.model = "small";
  EXPECT_EQ(sent(R"({"model":"big","messages":[]})", Dialect::openai_chat,
                 {.then = nothing_asked, .upstream = small, .as_stream = false}),
            R"({"model":"small","messages":[]})");
  EXPECT_EQ(sent(R"({"model": "big"})", Dialect::openai_chat,
                 {.then = nothing_asked, .upstream = original, .as_stream = false}),
            R"({"model": "big"})");
}

TEST(TaskBody, WhatCannotBePutTogetherIsSeenStreamedOrNot) {
  BodyReader reader;
  const auto one_text = [&](std::string_view key, std::string_view stream) {
    return reader.read("{" + std::string(key) + std::string(stream) + "}", Dialect::openai_chat).one_text;
  };
  for (const std::string_view stream : {"", R"(,"stream":true)"}) {
    for (const std::string_view key :
         {R"("n":2)", R"("best_of":3)", R"("logprobs":true)", R"("top_logprobs":5)", R"("echo":true)",
          R"("n_probs":3)", R"("prompt_logprobs":1)", R"("audio":{"voice":"x"})", R"("prompt":["a","b"])",
          R"("tools":[{"type":"function"}])", R"("functions":[{"name":"f"}])", R"("echo":true,"n":1)"})
      EXPECT_FALSE(one_text(key, stream)) << key << stream;
    for (const std::string_view key :
         {R"("n":1)", R"("logprobs":false)", R"("top_logprobs":null)", R"("logprobs":0)", R"("n":3,"n":1)",
          R"("tools":[])", R"("prompt":["a"])", R"("audio":null)", R"("logprobs":true,"logprobs":false)"})
      EXPECT_TRUE(one_text(key, stream)) << key << stream;
  }
}

TEST(TaskBody, WhatIsNoJsonObjectIsAnErrorAndNoCrash) {
  const std::string deep = R"({"messages":)" + std::string(100000, '[') + std::string(100000, ']') + "}";
  for (const std::string& text : {std::string("[]"), std::string(R"({"a":"\x"})"), std::string("{"), deep})
    EXPECT_TRUE(sent(text, Dialect::openai_chat).starts_with("error")) << text.substr(0, 40);
}

TEST(TaskBody, AllChangesAreMadeOfTheOneReading) {
  const Result<TaskBody> body = TaskBody::read(
      R"({"model":"big","messages":[{"role":"user","content":"x"}],"stream":false})", Dialect::ollama_chat);
  ASSERT_TRUE(body);
  Then then;
  then.patch = nlohmann::json::parse(R"({"options":{"temperature":0}})");
  LoadOptions chat;
  chat.num_ctx = 8192;
  const MadeBody made = body->made({.request_class = RequestClass::title,
                                    .json_contract = true,
                                    .then = then,
                                    .upstream = original,
                                    .chat = chat,
                                    .wanted = {}});
  EXPECT_EQ(made.applied, Constraints{});
  EXPECT_TRUE(made.made_stream);
  const nlohmann::json sent = nlohmann::json::parse(body->text_of(made));
  EXPECT_EQ(sent.at("options"),
            nlohmann::json::parse(R"({"temperature":0,"num_ctx":8192,"num_predict":128})"));
  EXPECT_TRUE(sent.contains("format") && sent.at("think") == false && sent.at("stream") == true);
  EXPECT_FALSE(body->made({.then = nothing_asked, .upstream = original, .as_stream = false}).changed)
      << "the reading itself stays as it was";
}

}  // namespace
}  // namespace tasklane
