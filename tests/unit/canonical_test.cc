// Which requests may share one answer.
#include <gtest/gtest.h>

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "shaper/dialect/canonical.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

class CanonicalKeys : public testing::Test {
 protected:
  CanonicalKey key(std::string_view body, std::string_view model = "m",
                   RequestClass request_class = RequestClass::title, Dialect dialect = Dialect::openai_chat) {
    return canonical_.key_of(tenant_, request_class, dialect, model, OrderedJson::parse(body));
  }
  // The usual question with further members.
  CanonicalKey in_dialect(Dialect dialect, const std::string& more) {
    return key(R"({"messages":[{"role":"user","content":"a"}])" + more + "}", "m", RequestClass::title,
               dialect);
  }
  Canonical canonical_{1, 2};
  Tenant tenant_{1};
};

constexpr std::string_view usual =
    R"({"model":"m","messages":[{"role":"user","content":"Brötchen \"7\""}],"stream":false})";

TEST_F(CanonicalKeys, OfTwoTenantsNeverCoincide) {
  const CanonicalKey one = key(usual);
  tenant_ = Tenant(2);
  EXPECT_NE(key(usual), one);
}

TEST_F(CanonicalKeys, OtherSpellingsOfTheSameQuestionCoincide) {
  for (
      const std::string_view same :
      {R"({"stream": false, "messages": [{"content": "Br\u00f6tchen \u00227\"", "role": "user"}], "model": "m"})",
       R"({"model":"other","messages":[{"role":"user","content":"Brötchen \"7\""}],"stream":true,"stream_options":{"include_usage":true}})",
       R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Brötchen \"7\""}]}]})",
       R"({"model":"m","messages":[{"role":"user","content":"Brötchen \"7\""}],"options":{},"format":null,"keep_alive":5,"chat_id":"x"})"})
    EXPECT_EQ(key(same), key(usual)) << same;
  EXPECT_EQ(key(R"({"max_tokens":1000,"temperature":1})"), key(R"({"temperature":1.0,"max_tokens":1e3})"));
}

TEST_F(CanonicalKeys, WhatMayChangeTheAnswerKeepsThemApart) {
  const std::unordered_set<CanonicalKey> keys{
      key(usual),
      key(usual, "m2"),
      key(usual, "m", RequestClass::tags),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"top_k":5})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"top_k":5})", "m", RequestClass::title,
          Dialect::ollama_chat),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"8\""}]})"),
      key(R"({"messages":[{"role":"system","content":"Brötchen \"7\""}]})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"max_tokens":5})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"user":"ann"})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"options":{"seed":1}})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"options":{"seed":1.5}})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""},{"role":"user","content":""}]})"),
      key(R"({"messages":[{"role":"user","content":[{"type":"text","text":"Brötchen \"7\""},{"type":"image_url"}]}]})")};
  EXPECT_EQ(keys.size(), 13u);
}

TEST_F(CanonicalKeys, TheSameQuestionInEitherDialectIsOne) {
  const std::vector<std::pair<std::string, std::string>> pairs{
      {"", ""},
      {R"(,"options":{"num_predict":50},"num_predict":1000)", R"(,"max_tokens":50)"},
      {R"(,"options":{"num_predict":50})", R"(,"max_completion_tokens":50,"max_tokens":50)"},
      {R"(,"format":"json","think":false)",
       R"(,"response_format":{"type":"json_object"},"reasoning_effort":"none")"},
      {R"(,"format":{"type":"object"},"think":false)",
       R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}},)"
       R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":false})"},
      {R"(,"format":"")", R"(,"response_format":{"type":"text"})"},
      {R"(,"options":{"temperature":0,"seed":7,"stop":["x"]})",
       R"(,"temperature":0.0,"seed":7,"stop":"x","stream":true)"}};
  for (const auto& [ollama, openai] : pairs)
    EXPECT_EQ(in_dialect(Dialect::ollama_chat, ollama), in_dialect(Dialect::openai_chat, openai)) << openai;
}

TEST_F(CanonicalKeys, WhatOneDialectCannotSayKeepsThemApart) {
  const std::vector<std::pair<std::string, std::string>> pairs{
      {R"(,"options":{"num_predict":50})", R"(,"max_tokens":60)"},
      {R"(,"options":{"num_predict":-1})", ""},
      {R"(,"options":{"num_ctx":8192})", ""},
      {R"(,"options":{"temperature":0})", R"(,"temperature":1)"},
      {R"(,"think":true)", R"(,"reasoning_effort":"high")"},
      {R"(,"think":false)", R"(,"chat_template_kwargs":{"enable_thinking":false})"},
      {"", R"(,"max_tokens":50,"max_completion_tokens":60)"},
      {"", R"(,"user":"ann")"},
      {"", R"(,"response_format":{"type":"grammar"})"},
      {R"(,"tools":[])", R"(,"tools":[])"}};
  for (const auto& [ollama, openai] : pairs)
    EXPECT_NE(in_dialect(Dialect::ollama_chat, ollama), in_dialect(Dialect::openai_chat, openai)) << openai;
  EXPECT_NE(key(R"({"messages":[{"role":"user","content":"a","images":["x"]}]})", "m", RequestClass::title,
                Dialect::ollama_chat),
            key(R"({"messages":[{"role":"user","content":"a","images":["x"]}]})"));
  EXPECT_NE(key(R"({"prompt":"a"})", "m", RequestClass::title, Dialect::ollama_generate),
            key(R"({"prompt":"a"})", "m", RequestClass::title, Dialect::openai_completions));
}

TEST_F(CanonicalKeys, WithAnotherSecretAreOthers) {
  const Canonical other(1, 3);
  EXPECT_NE(other.key_of(tenant_, RequestClass::title, Dialect::openai_chat, "m", OrderedJson::parse(usual)),
            key(usual));
}

}  // namespace
}  // namespace tasklane
