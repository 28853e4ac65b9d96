// One request for each entry of each pack that comes with the program: it is known by that entry, and the
// same words in a chat are not.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;

struct Sample {
  const char* mark;
  RequestClass request_class;
  std::string system;
  std::string text;
};

std::string history(const std::string& user, const std::string& assistant) {
  return "### Chat History:\n<chat_history>\nUSER: " + user + "\nASSISTANT: " + assistant +
         "\n</chat_history>";
}

// A task in the style of 0.5.8 and later: the wording is free, the contract and the frame are not.
std::string framed(const std::string& wish, const std::string& contract) {
  return "### Task:\n" + wish + "\n### Output:\nJSON format: " + contract + "\n" +
         history("Where do swifts sleep?", "In the air.");
}

std::vector<Sample> samples() {
  using enum RequestClass;
  return {
      {"open-webui/compaction", compaction, "",
       "### Task:\nSum up what will be compacted out of the chat.\n\n### Messages Being Compacted:\nUSER: "
       "one\n"
       "ASSISTANT: two\n\n### Recent Messages Kept In Context:\nUSER: three"},
      {"open-webui/memory-review", memory_review,
       "You are Open WebUI's private memory reviewer. Return only valid JSON.",
       "Decide what to keep, in this shape: {\"operations\":[]}\nConversation:\nuser: I live in Ghent.\n"
       "assistant_final: Noted.\n"},
      {"open-webui/tool-selection-tool-calls", tool_selection,
       "Available Tools: [{\"name\": \"clock\"}]\nChoose. Answer with {\n  \"tool_calls\": []\n}",
       "History:\nUSER: \"\"\"hello\"\"\"\nQuery: what time is it?"},
      {"open-webui/tool-selection-single-call", tool_selection,
       "Tools: [{\"name\": \"clock\"}]\nReturn {\"name\": \"functionName\", \"parameters\": {}} or nothing.",
       "Query: what time is it?"},
      {"open-webui/autocomplete", autocomplete, "",
       "### Task:\nGo on with the text.\nRespond: { \"text\": \"<more>\" }\n<type>General</type>\n" +
           history("hi", "hello") +
           "\n<type>general</type>  \n<text>The nearest bus</text>  \n#### Output:\n"},
      {"open-webui/follow-up", follow_up, "",
       framed("Predict what comes next.", "{ \"follow_ups\": [\"a\"] }")},
      {"open-webui/tags", tags, "", framed("Tag it.", "{ \"tags\": [\"tag1\"] }")},
      {"open-webui/query", query, "", framed("Search or not?", "{\n  \"queries\": [\"q\"]\n}") + "\n"},
      {"open-webui/image-prompt", image_prompt, "",
       framed("Describe a picture.", "{\n    \"prompt\": \"x\"\n}")},
      {"open-webui/title", title, "", framed("Name it.", "{ \"title\": \"x\" }")},
      {"open-webui/note-title", title, "",
       "### Task:\nName the note.\n### Output:\n{ \"title\": \"x\" }\n### Content:\n<content>\nBuy "
       "salt.\n</content>"},
      {"open-webui/title-plain-text", title, "",
       "Create a concise, 3-5 word title with an emoji as a title for the prompt in the given language. "
       "RESPOND ONLY WITH THE TITLE TEXT.\n\nPrompt: why is the sky blue?"},
      {"open-webui/title-text-first", title, "",
       "Here is the query:\nwhy is the sky blue?\n\nCreate a concise, 3-5 word phrase with an emoji as a "
       "title for the "
       "previous query."},
      {"open-webui/query-plain-text-history", query, "",
       "Given the user's message and interaction history, decide if a web search is necessary.\n\nUser "
       "Message:\nx\n\n"
       "Search Query:"},
      {"open-webui/query-plain-text", query, "",
       "Assess the need for a web search based on the question.\n\nQuestion:\nx\n\nSearch Query:"},
      {"open-webui/emoji", emoji, "",
       "Your task is to reflect the speaker's likely facial expression through a fitting emoji.\n\n"
       "Message: ```That is wonderful```"},
      {"open-webui/moa", moa, "",
       "You have been provided with a set of responses from various models to the latest user query: "
       "\"x\"\n\n"
       "Responses from models: \"\"\"one\"\"\"\n\n\"\"\"two\"\"\""},
      {"librechat/title-completion", title, "",
       "Provide a concise, 5-word-or-less title for the conversation, using title case "
       "conventions.\n\nConversation:\n"
       "User: why is the sky blue?\nAI: Rayleigh scattering."},
      {"librechat/title-structured", title, "",
       "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise "
       "title\n\n"
       "User: why is the sky blue?\nAI: Rayleigh scattering."},
      {"librechat/title-instruction", title, "",
       "Please generate a concise, 5-word-or-less title for the conversation.\n\n||>User:\n\"why is the sky "
       "blue?\"\n"
       "||>Response:\n\"scattering\"\n\n||>Title:"},
  };
}

Json body_of(const Sample& sample) {
  Json body = task_body(sample.text);
  if (!sample.system.empty())
    body["messages"] = Json::array({message("system", sample.system), message("user", sample.text)});
  return body;
}

class EntryOfAPack : public testing::TestWithParam<Sample> {
 protected:
  FrontEnd front_end_;
};

TEST_P(EntryOfAPack, KnowsItsRequestInBothDialects) {
  const Json body = body_of(GetParam());
  for (const char* path : {"/api/chat", "/v1/chat/completions"}) {
    const Classification result = front_end_.send(path, body);
    EXPECT_EQ(to_text(result.request_class), to_text(GetParam().request_class)) << path;
    EXPECT_EQ(result.mark, GetParam().mark) << path;
    EXPECT_EQ(result.evidence, Evidence::pack);
    EXPECT_GE(result.score, 0.5);
    EXPECT_FALSE(result.reasons.empty());
  }
}

TEST_P(EntryOfAPack, KnowsItsRequestWrittenWithEscapes) {
  EXPECT_EQ(front_end_.send_bytes("/api/chat", body_of(GetParam()).dump(1, ' ', true)).mark, GetParam().mark);
}

TEST_P(EntryOfAPack, LeavesTheSameWordsInAStreamedChatAlone) {
  Json body = body_of(GetParam());
  body["stream"] = true;
  EXPECT_FALSE(is_task(front_end_.openai(body).request_class));
}

TEST_P(EntryOfAPack, LeavesTheSameWordsInAChatWithToolsAlone) {
  Json body = body_of(GetParam());
  body["tools"] = Json::array({{{"type", "function"}}});
  EXPECT_FALSE(is_task(front_end_.ollama(body).request_class));
}

TEST_P(EntryOfAPack, LeavesTheSameWordsAsOneOfSeveralTurnsAlone) {
  const Json body = chat_body({{"user", "hello"}, {"assistant", "hi"}, {"user", GetParam().text}}, false);
  EXPECT_EQ(front_end_.ollama(body).request_class, RequestClass::chat);
}

TEST_P(EntryOfAPack, LeavesAQuestionAboutTheSameWordsAlone) {
  Json body =
      task_body("Can you explain this prompt to me?\n\n" + GetParam().text + "\n\nI found it in a log.");
  EXPECT_EQ(front_end_.ollama(body).request_class, RequestClass::chat);
}

INSTANTIATE_TEST_SUITE_P(All, EntryOfAPack, testing::ValuesIn(samples()), [](const auto& one) {
  std::string name(one.param.mark);
  for (char& c : name)
    if (c == '/' || c == '-') c = '_';
  return name;
});

TEST(EntriesOfPacks, EachHasASampleHere) {
  std::map<std::string, int> seen;
  for (const Sample& sample : samples()) ++seen[sample.mark];
  const auto packs = find_packs({"open-webui", "librechat"}, {TASKLANE_SOURCE_DIR "/config/packs"});
  ASSERT_TRUE(packs.has_value()) << packs.error().text();
  for (const auto& pack : *packs)
    for (const PackEntry& entry : pack->entries)
      EXPECT_EQ(seen[pack->name + "/" + entry.name], 1) << entry.name;
}

}  // namespace
}  // namespace tasklane
