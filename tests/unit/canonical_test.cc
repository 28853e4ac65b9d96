// Which requests may share one answer.
#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "shaper/rewrite/canonical.h"

namespace tasklane {
namespace {

class CanonicalKeys : public testing::Test {
 protected:
  CanonicalKey key(std::string_view body, std::string_view model = "m",
                   RequestClass request_class = RequestClass::title, Dialect dialect = Dialect::openai_chat) {
    return *canonical_.key_of(request_class, dialect, model, body);
  }
  Canonical canonical_{1, 2};
};

constexpr std::string_view usual =
    R"({"model":"m","messages":[{"role":"user","content":"Brötchen \"7\""}],"stream":false})";

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
      key(usual, "m", RequestClass::title, Dialect::ollama_chat),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"8\""}]})"),
      key(R"({"messages":[{"role":"system","content":"Brötchen \"7\""}]})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"max_tokens":5})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"user":"ann"})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"options":{"seed":1}})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""}],"options":{"seed":1.5}})"),
      key(R"({"messages":[{"role":"user","content":"Brötchen \"7\""},{"role":"user","content":""}]})"),
      key(R"({"messages":[{"role":"user","content":[{"type":"text","text":"Brötchen \"7\""},{"type":"image_url"}]}]})")};
  EXPECT_EQ(keys.size(), 12u);
}

TEST_F(CanonicalKeys, WithAnotherSecretAreOthers) {
  const Canonical other(1, 3);
  EXPECT_NE(*other.key_of(RequestClass::title, Dialect::openai_chat, "m", usual), key(usual));
}

TEST_F(CanonicalKeys, ABrokenBodySharesNothing) {
  EXPECT_TRUE(canonical_.key_of(RequestClass::title, Dialect::openai_chat, "m", "{").has_error());
}

}  // namespace
}  // namespace tasklane
