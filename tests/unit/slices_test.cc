// A long prompt goes up in growing prefixes, so that a chat that comes waits for one of them only.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/json_body.h"
#include "shaper/task/slices.h"

namespace tasklane {
namespace {

using nlohmann::json;

std::string words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "word" + std::to_string(i % 10) + " ";
  return text;
}

OrderedJson task(const std::string& text) {
  return OrderedJson(
      {{"model", "m"},
       {"messages", {{{"role", "system"}, {"content", "be brief"}}, {{"role", "user"}, {"content", text}}}},
       {"options", {{"num_ctx", 8192}, {"num_predict", 1000}}},
       {"format", "json"},
       {"think", false},
       {"stream", false}});
}

std::string prompt_of(const std::string& body) {
  return json::parse(body).at("messages").back().at("content").get<std::string>();
}

TEST(Slices, AreGrowingPrefixesCutBehindWords) {
  const std::string text = words(2000);  // 12,000 bytes: 3,000 tokens
  const auto slices = Slices::cut(task(text), Dialect::ollama_chat, {500, 4, 0, 64});
  ASSERT_TRUE(slices);
  ASSERT_EQ(slices->count(), 5u);
  std::size_t before = 0;
  for (std::size_t k = 0; k < slices->count(); ++k) {
    const std::string prompt = prompt_of(slices->body(k));
    EXPECT_GT(prompt.size(), before);
    EXPECT_LE(prompt.size() - before, 2100u) << "one slice is 500 tokens of four bytes";
    EXPECT_TRUE(text.starts_with(prompt));
    EXPECT_EQ(text[prompt.size()], ' ');
    EXPECT_NE(prompt.back(), ' ');
    EXPECT_NEAR(static_cast<double>(slices->tokens(k)), 500.0 * static_cast<double>(k + 1), 30.0);
    before = prompt.size();
  }
  EXPECT_LE(text.size() - before, 3100u) << "what is left for the whole";
}

TEST(Slices, EachAsksForOneTokenAsAStreamWithoutFormatAndAllElseStays) {
  const auto slices = Slices::cut(task(words(2000)), Dialect::ollama_chat, {});
  ASSERT_TRUE(slices);
  json body = json::parse(slices->body(0));
  json expected = json::parse(task("").dump());
  expected.erase("format");
  expected["stream"] = true;
  expected["options"]["num_predict"] = 1;
  body["messages"][1]["content"] = "";
  EXPECT_EQ(body, expected);
}

TEST(Slices, InOpenaisDialectTheyAskForUsageToo) {
  const OrderedJson task_body = {
      {"model", "m"},
      {"messages", {{{"role", "user"}, {"content", {{{"type", "text"}, {"text", words(1000)}}}}}}},
      {"response_format", {{"type", "json_object"}}},
      {"max_tokens", 1000}};
  const auto slices = Slices::cut(task_body, Dialect::openai_chat, {});
  ASSERT_TRUE(slices);
  ASSERT_GT(slices->count(), 1u);
  const json body = json::parse(slices->body(0));
  EXPECT_EQ(body.at("max_tokens"), 1);
  EXPECT_EQ(body.at("stream"), true);
  EXPECT_EQ(body.at("stream_options").at("include_usage"), true);
  EXPECT_FALSE(body.contains("response_format"));
  EXPECT_TRUE(words(1000).starts_with(body.at("messages")[0].at("content")[0].at("text").get<std::string>()));
}

TEST(Slices, TheFirstIsLongEnoughForASlidingWindowModel) {
  const auto slices = Slices::cut(task(words(2000)), Dialect::ollama_chat, {256, 4, 650, 64});
  ASSERT_TRUE(slices);
  EXPECT_GE(slices->tokens(0), 650u);
  EXPECT_LE(slices->tokens(1) - slices->tokens(0), 300u);
}

TEST(Slices, AShortPromptHasNone) {
  EXPECT_EQ(Slices::cut(task(words(20)), Dialect::ollama_chat, {})->count(), 0u);
  EXPECT_EQ(Slices::cut(task(""), Dialect::ollama_chat, {})->count(), 0u);
}

TEST(Slices, ALongSystemMessageComesWithTheFirst) {
  OrderedJson body = task(words(500));
  body["messages"][0]["content"] = words(2000);
  const auto slices = Slices::cut(body, Dialect::ollama_chat, {});
  ASSERT_TRUE(slices);
  ASSERT_GT(slices->count(), 0u);
  EXPECT_GT(slices->tokens(0), 3000u);
  EXPECT_FALSE(prompt_of(slices->body(0)).empty());
}

TEST(Slices, NeverBreakACharacterOfAScriptWithoutSpaces) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += i % 3 == 0 ? "光" : i % 3 == 1 ? "é" : "🥖";
  const auto slices = Slices::cut(task(text), Dialect::ollama_chat, {200, 4, 0, 64});
  ASSERT_TRUE(slices);
  ASSERT_GT(slices->count(), 5u);
  for (std::size_t k = 0; k < slices->count(); ++k) {
    EXPECT_TRUE(text.starts_with(prompt_of(slices->body(k)))) << "a broken character would be replaced";
  }
}

TEST(Slices, AreBoundedInNumber) {
  const auto slices = Slices::cut(task(words(100000)), Dialect::ollama_chat, {100, 4, 0, 16});
  ASSERT_TRUE(slices);
  EXPECT_LE(slices->count(), 16u);
  EXPECT_GE(slices->count(), 12u);
}

TEST(Slices, WhatStandsAroundTheMessageMakesThemNoLonger) {
  OrderedJson body = task(words(400));
  body["messages"][0]["content"] = words(20000);
  SliceOptions options;
  options.slice_tokens = 32;
  const auto slices = Slices::cut(std::move(body), Dialect::ollama_chat, options);
  ASSERT_TRUE(slices);
  EXPECT_GE(slices->count(), 15u);
}

TEST(Slices, WithoutAUserMessageThereAreNone) {
  EXPECT_FALSE(Slices::cut(OrderedJson::parse(R"({"messages":[{"role":"system","content":"x"}]})"),
                           Dialect::ollama_chat, {}));
  EXPECT_GT(Slices::cut(OrderedJson{{"prompt", words(2000)}}, Dialect::ollama_generate, {})->count(), 3u);
}

TEST(Slices, AreAskedInPartsWhileAChatIsBeingAnsweredBeside) {
  SliceOptions options;
  options.slice_tokens = 400;
  options.parts = 4;
  const auto slices = Slices::cut(task(words(2000)), Dialect::ollama_chat, options);
  ASSERT_TRUE(slices);
  ASSERT_GT(slices->count(), 12u);
  EXPECT_EQ(slices->next(0, 4), 3u) << "a whole slice";
  EXPECT_EQ(slices->next(0, 1), 0u);
  EXPECT_EQ(slices->next(4, 1), 4u) << "a chat has come";
  EXPECT_EQ(slices->next(5, 4), 8u) << "and gone";
  EXPECT_NEAR(static_cast<double>(slices->tokens(4) - slices->tokens(3)), 100, 15);
}

TEST(Slices, WhatTheServerIsTakenToKnowComesWithTheFirst) {
  const std::string text = words(2000);
  const KnownPrefix known(text.substr(0, 6000) + "something else");
  const auto slices = Slices::cut(task(text), Dialect::ollama_chat, {500, 4, 0, 64}, known);
  ASSERT_TRUE(slices);
  ASSERT_EQ(slices->count(), 2u);
  EXPECT_NEAR(static_cast<double>(prompt_of(slices->body(0)).size()), 8000, 150) << "and 500 tokens";
  EXPECT_NEAR(static_cast<double>(prompt_of(slices->body(1)).size()), 10000, 150);
  EXPECT_EQ(slices->beginning().shared(KnownPrefix(text)), text.size() / 64 * 64);
}

TEST(Slices, APromptThatIsNearlyKnownIsAskedWhole) {
  const KnownPrefix known(words(2000));
  const auto slices = Slices::cut(task(words(2020)), Dialect::ollama_chat, {500, 4, 0, 64}, known);
  ASSERT_TRUE(slices);
  EXPECT_EQ(slices->next(0, 1), std::nullopt);
}

TEST(KnownPrefix, IsWhatBothBeginWithInWholeSteps) {
  const std::string text(1000, 'a');
  EXPECT_EQ(KnownPrefix(text).shared({}), 0u);
  EXPECT_EQ(KnownPrefix(text).shared(KnownPrefix(text.substr(0, 500))), 448u);
  EXPECT_EQ(KnownPrefix(text).shared(KnownPrefix("b" + text)), 0u);
  EXPECT_EQ(KnownPrefix("short").shared(KnownPrefix("short")), 0u);
}

TEST(Slices, ALittleRestIsAskedWithTheWhole) {
  SliceOptions options;
  options.slice_tokens = 400;
  options.parts = 4;
  const auto slices = Slices::cut(task(words(2000)), Dialect::ollama_chat, options);
  ASSERT_TRUE(slices);
  EXPECT_EQ(slices->next(slices->count() - 1, 4), std::nullopt);
  EXPECT_EQ(slices->next(slices->count() - 1, 1), slices->count() - 1);
  EXPECT_EQ(slices->next(slices->count(), 1), std::nullopt);
}

}  // namespace
}  // namespace tasklane
