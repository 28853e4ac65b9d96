// What each class of task gets when Tasklane answers it itself: "nothing", as Open WebUI reads it, and never
// a title that is empty, a search that is skipped or a history that is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/assemble.h"
#include "shaper/dialect/empty_answer.h"
#include "shaper/dialect/quoted.h"
#include "shaper/dialect/suggestion.h"
#include "shaper/dialect/title_from.h"

namespace tasklane {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view title_prompt =
    "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { "
    "\"title\": "
    "\"your concise title here\" }\n### Chat History:\n<chat_history>\nUSER: Which bread keeps longest "
    "without "
    "going stale?\nASSISTANT: \n</chat_history>";
constexpr std::string_view query_prompt =
    "### Task:\nAnalyze the chat history.\n### Output:\nStrictly return in JSON format: \n{\n  \"queries\": "
    "[\"query1\", \"query2\"]\n}\n\n### Chat History:\n<chat_history>\nUSER: Tell me of the "
    "mill.\nASSISTANT: "
    "It is old.\nUSER: When was the turbine rebuilt?\n</chat_history>\n";

class EmptyAnswer : public testing::Test {
 protected:
  const BodyFacts& ask(std::string_view prompt, std::string_view system = {}) {
    json body = {{"model", "llama3.1:8b"}, {"messages", json::array()}, {"stream", false}};
    if (!system.empty()) body["messages"].push_back({{"role", "system"}, {"content", system}});
    body["messages"].push_back({{"role", "user"}, {"content", prompt}});
    return reader_.read(body.dump(), Dialect::ollama_chat);
  }

  // The text that the front end's parser sees.
  std::string content(RequestClass request_class, std::string_view prompt, std::string_view system = {},
                      std::optional<std::string_view> text = {}) {
    const auto answer = empty_answer({request_class, ask(prompt, system), form_, now_, text});
    if (!answer) return "error: " + answer.error().text();
    EXPECT_EQ(answer->status, 200);
    return json::parse(answer->body).at("message").at("content").get<std::string>();
  }

  BodyReader reader_;
  AnswerForm form_{Dialect::ollama_chat, false, false, "llama3.1:8b"};
  std::chrono::system_clock::time_point now_{std::chrono::seconds(1795599698)};
};

TEST_F(EmptyAnswer, ATitleIsMadeOfThePersonsWords) {
  EXPECT_EQ(content(RequestClass::title, title_prompt),
            R"({"title":"Which bread keeps longest without going stale?"})");
}

TEST_F(EmptyAnswer, ATitleThatCannotQuoteIsLeftToTheFrontEnd) {
  EXPECT_EQ(content(RequestClass::title, "Schreibe einen Titel als JSON {\"title\": \"...\"} fuer: Brot"),
            "");
  EXPECT_EQ(content(RequestClass::title,
                    "As { \"title\": \"...\" }\n<chat_history>\nUSER: ???\nASSISTANT: \n</chat_history>"),
            "");
}

TEST_F(EmptyAnswer, OlderReleasesGetTheirTitleAsPlainText) {
  EXPECT_EQ(
      content(RequestClass::title,
              "Create a concise, 3-5 word title with an emoji as a title for the chat history, in the "
              "given language. RESPOND ONLY WITH THE TITLE TEXT.\n\n<chat_history>\nUSER: How do I write "
              "{\"title\": 1} in C?\nASSISTANT: So.\n</chat_history>"),
      "How do I write {\"title\": 1} in C?");
  EXPECT_EQ(content(RequestClass::title,
                    "Create a concise, 3-5 word title with an emoji as a title for the prompt in the given "
                    "language.\n\nPrompt: What's the capital of Mongolia?"),
            "What's the capital of Mongolia?");
  EXPECT_EQ(
      content(RequestClass::title,
              "Here is the query:\nWhat is rye?\n\nCreate a concise, 3-5 word phrase with an emoji as a "
              "title for the previous query."),
      "What is rye?");
}

TEST_F(EmptyAnswer, ASearchIsNeverSkipped) {
  EXPECT_EQ(content(RequestClass::query, query_prompt), R"({"queries":["When was the turbine rebuilt?"]})");
  EXPECT_EQ(content(RequestClass::query, "Suche als {\"queries\": []}"), "");
  EXPECT_EQ(content(RequestClass::query,
                    "Given the user's message and interaction history, decide if a web search is necessary."
                    "\n\nUser Message:\nWhat's rye?\n\nInteraction History:\nUSER: Hi\n\nSearch Query:"),
            "What's rye?");
}

TEST_F(EmptyAnswer, EveryOtherClassGetsItsOwnNothing) {
  EXPECT_EQ(content(RequestClass::tags, "..."), R"({"tags":[]})");
  EXPECT_EQ(content(RequestClass::follow_up, "..."), R"({"follow_ups":[]})");
  EXPECT_EQ(content(RequestClass::memory_review, "..."), R"({"operations":[]})");
  EXPECT_EQ(content(RequestClass::emoji, "..."), "");
  EXPECT_EQ(content(RequestClass::autocomplete, "..."), R"({"text":""})");
  EXPECT_EQ(content(RequestClass::autocomplete, "...", {}, " cook \"rice\"\n"),
            R"({"text":" cook \"rice\"\n"})");
  EXPECT_EQ(
      content(
          RequestClass::image_prompt,
          "In JSON: {\"prompt\": \"...\"}\n<chat_history>\nUSER: Draw a lighthouse at dusk\n</chat_history>"),
      R"({"prompt":"Draw a lighthouse at dusk"})");
  EXPECT_EQ(content(RequestClass::tool_selection, "Query: how much?",
                    "Available Tools: []\nreturn { \"tool_calls\": [] }"),
            R"({"tool_calls":[]})");
  EXPECT_EQ(content(RequestClass::tool_selection, "Query: what does \"tool_calls\" mean?",
                    "Available Tools: []\nReturn an empty string if no tools match the query."),
            "");
}

TEST_F(EmptyAnswer, WhereSomebodyWaitsForWordsThereIsNone) {
  for (const RequestClass request_class : all_request_classes) {
    const bool none = request_class == RequestClass::chat || request_class == RequestClass::compaction ||
                      request_class == RequestClass::moa || request_class == RequestClass::task ||
                      request_class == RequestClass::embedding || request_class == RequestClass::admin ||
                      request_class == RequestClass::other;
    EXPECT_EQ(has_empty_answer(request_class), !none) << to_text(request_class);
    EXPECT_EQ(empty_answer({request_class, ask(title_prompt), form_, now_, {}}).has_error(), none);
  }
}

TEST_F(EmptyAnswer, IsAWholeAnswerOfTheDialectUnderTheNameAskedFor) {
  const auto body = [&](Dialect dialect) {
    return empty_answer({RequestClass::tags, ask("..."), {dialect, false, false, "m:1"}, now_, {}})->body;
  };
  EXPECT_EQ(
      body(Dialect::ollama_chat),
      R"({"model":"m:1","created_at":"2026-11-25T09:41:38.000000Z","message":{"role":"assistant","content":"{\"tags\":[]}"},"done":true,"done_reason":"stop","total_duration":0,"load_duration":0,"prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0})");
  EXPECT_EQ(json::parse(body(Dialect::ollama_generate)).at("response"), R"({"tags":[]})");
  EXPECT_EQ(json::parse(body(Dialect::openai_chat)), json::parse(R"({"id":"chatcmpl-tasklane",
      "object":"chat.completion","created":1795599698,"model":"m:1","choices":[{"index":0,"message":
      {"role":"assistant","content":"{\"tags\":[]}"},"finish_reason":"stop"}],
      "usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}})"));
  const json completion = json::parse(body(Dialect::openai_completions));
  EXPECT_EQ(completion.at("object"), "text_completion");
  EXPECT_EQ(completion.at("choices").at(0).at("text"), R"({"tags":[]})");
}

TEST_F(EmptyAnswer, AStreamedOneReadsAsACompleteStream) {
  for (const Dialect dialect :
       {Dialect::ollama_chat, Dialect::ollama_generate, Dialect::openai_chat, Dialect::openai_completions}) {
    const auto answer = empty_answer({RequestClass::tags, ask("..."), {dialect, true, true, "m"}, now_, {}});
    ASSERT_TRUE(answer);
    AnswerAssembler assembler(dialect);
    assembler.feed(answer->body);
    EXPECT_EQ(assembler.state(), StreamState::complete) << to_text(dialect);
    EXPECT_EQ(assembler.answer().content, R"({"tags":[]})") << to_text(dialect);
    EXPECT_EQ(assembler.answer().finish_reason, "stop") << to_text(dialect);
  }
}

TEST_F(EmptyAnswer, IsFormedAsTheClientAsked) {
  const BodyFacts& facts =
      reader_.read(R"({"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}})",
                   Dialect::openai_chat);
  const AnswerForm form = form_of(facts, Dialect::openai_chat);
  EXPECT_TRUE(form.stream);
  EXPECT_TRUE(form.include_usage);
  EXPECT_EQ(form.model, "m");
  EXPECT_FALSE(form_of(ask("x"), Dialect::ollama_chat).stream);
}

TEST(TitleFrom, CutsSensibly) {
  const std::map<std::string, std::string> expected{
      {"Which bread keeps longest?", "Which bread keeps longest?"},
      {"Hello. I need help with a very long question", "Hello"},
      {"# **Fix** my code:\n```c\nint main;\n```", "Fix my code"},
      {"```\n---\nprint(1)", "print(1)"},
      {"  tabs\tand   spaces  ", "tabs and spaces"},
      {"Please explain to me in detail how photosynthesis works in plants",
       "Please explain to me in detail how…"},
      {"请给我详细解释一下光合作用在植物中是如何进行的以及为什么叶子是绿色的还有它们在秋天为什么会变黄变红最"
       "后落下",
       "请给我详细解释一下光合作用在植物中是如何进行的以…"},
      {"什么是黑麦？我想烤面包", "什么是黑麦？"},
      {"???", ""},
      {"", ""}};
  for (const auto& [message, title] : expected) {
    const std::string made = title_from(message);
    EXPECT_EQ(made, title) << message;
  }
}

class Quoted : public EmptyAnswer {};

TEST_F(Quoted, TheMessageOfThePersonWhateverStandsAroundIt) {
  const BodyFacts& facts = ask(query_prompt);
  EXPECT_EQ(quoted_user_text(facts, WhichMessage::first), "Tell me of the mill.");
  EXPECT_EQ(quoted_user_text(facts, WhichMessage::last), "When was the turbine rebuilt?");
  EXPECT_EQ(quoted_user_text(ask("Titel?\n\nUSER: a\nb\n\nc\nASSISTANT: d"), WhichMessage::first),
            "a\nb\n\nc");
  EXPECT_EQ(quoted_user_text(ask("USER: what does USER: mean?\nASSISTANT: x"), WhichMessage::last),
            "what does USER: mean?");
  EXPECT_EQ(quoted_user_text(ask("no quote here"), WhichMessage::last), std::nullopt);
  EXPECT_EQ(quoted_user_text(ask("### Task:\nGenerate a title\n<content>\nShopping list\n</content>"),
                             WhichMessage::first),
            "Shopping list");
}

TEST_F(Quoted, TheTypedTextIsTheLastOneNotTheTemplatesExample) {
  const auto typed = typed_text(ask(
      "Continue `<text>` by `<type>`.\nInput:  \n<type>General</type>  \n<text>The sun was</text>  \n\n### "
      "Context:\n<chat_history>\nUSER: what is <text>x</text>?\n</chat_history>\n<type>search query</type>  "
      "\n"
      "<text>How does <text> work in </text>  \n#### Output:\n"));
  ASSERT_TRUE(typed);
  EXPECT_EQ(typed->text, "How does <text> work in ");
  EXPECT_EQ(typed->type, "search query");
  EXPECT_FALSE(typed_text(ask("no marks")));
}

TEST(SuggestionIn, ReadsAnAnswerAsTheEditorDoes) {
  EXPECT_EQ(suggestion_in(R"(Sure! {"text": " cook rice"} Enjoy)"), " cook rice");
  EXPECT_EQ(suggestion_in(" cook rice"), " cook rice");
  EXPECT_EQ(suggestion_in(R"({"text": ""})"), "");
  EXPECT_EQ(suggestion_in(R"({"text": cook})"), std::nullopt);
  EXPECT_EQ(suggestion_in(R"({"completion": "x"})"), std::nullopt);
  EXPECT_EQ(suggestion_in("} {"), "} {");
}

// Every title and query request of the recorded releases is answered with the person's words.
TEST_F(Quoted, InEveryRecordedTitleAndQuery) {
  const char* given = std::getenv("TASKLANE_SHARED_CORPUS");
  const std::string folder = given != nullptr ? given : TASKLANE_SOURCE_DIR "/../shared/corpus";
  std::ifstream file(folder + "/recorded.jsonl");
  if (!file) GTEST_SKIP() << "no corpus in " << folder << " (TASKLANE_SHARED_CORPUS)";
  std::size_t asked = 0;
  std::size_t found = 0;
  for (std::string line; std::getline(file, line);) {
    const json record = json::parse(line);
    if (record.at("label") != "title" && record.at("label") != "query") continue;
    const Dialect dialect = record.at("upstream") == "ollama" ? Dialect::ollama_chat : Dialect::openai_chat;
    const auto request_class = *request_class_from(record.at("label").get<std::string>());
    const BodyFacts& facts = reader_.read(record.at("body").dump(), dialect);
    const auto answer = empty_answer({request_class, facts, form_of(facts, dialect), now_, {}});
    ASSERT_TRUE(answer);
    AnswerAssembler assembler(dialect);
    assembler.feed(answer->body);
    assembler.finish();
    ++asked;
    if (!assembler.answer().content.empty()) ++found;
  }
  EXPECT_GE(asked, 100u);
  EXPECT_EQ(found, asked);
}

}  // namespace
}  // namespace tasklane
