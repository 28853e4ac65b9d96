// The classes of requests and the lanes they travel in (design: "Telling tasks from chats", "Lanes"). What is
// known of a class stands in one row of a table: a new class is an enumerator and its row. Pure and constant,
// so safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tasklane {

enum class RequestClass {
  chat,
  title,
  tags,
  follow_up,
  emoji,
  autocomplete,
  query,
  image_prompt,
  tool_selection,
  moa,
  compaction,
  memory_review,
  task,  // a task whose kind is not known (recognised by its echo alone)
  embedding,
  admin,
  other,  // stays the last
};

inline constexpr auto all_request_classes = [] {
  std::array<RequestClass, static_cast<std::size_t>(RequestClass::other) + 1> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<RequestClass>(i);
  return all;
}();

enum class Lane { interactive, blocking, background, keystroke };
inline constexpr std::array<Lane, 4> all_lanes{Lane::interactive, Lane::blocking, Lane::background,
                                               Lane::keystroke};

// The JSON object that a class's prompts ask for: {"follow_ups": [...]}.
struct AnswerContract {
  enum class Value { text, list };
  enum class Named { in_prompt, in_system };  // where the instructions stand that name the key

  std::string_view key{};  // "": the class has no such object
  Value value = Value::text;
  Named named = Named::in_prompt;
};

// How many tokens an answer of the class may take, where it is JSON and where it is plain text. 0: no cap.
struct TokenCap {
  std::int64_t json = 0;
  std::int64_t plain = 0;
};

// The answer of a class that the front end takes as "nothing", without an error that a person sees.
enum class EmptyAnswer {
  none,           // somebody waits for words
  no_words,       // ""
  no_entries,     // {"key": []}
  if_asked_none,  // so where the prompt asks for the key, else ""
  given_text,     // {"key": the text that the caller has, or ""}
  title,          // made of the quoted chat's first message, as the prompt wants it: in its object, or plain
  last_message,   // the quoted chat's last message, as the prompt wants it
};

struct ClassRow {
  RequestClass request_class = RequestClass::other;
  std::string_view name{};
  Lane lane = Lane::interactive;  // where no rule names one
  AnswerContract contract{};
  std::string_view schema{};  // the JSON schema of its answer; "": none
  TokenCap cap{};
  EmptyAnswer empty = EmptyAnswer::none;
};

// Schemas bound the lengths, so that a model that rambles still closes its object below the cap. The bounds
// cost no time: 15.2 ms a token without a format, 14.2 with one, 14.7 with 200 characters at most (SmolLM2
// 135M, llama-server, one thread, medians of three follow-ups; Ollama 16.1, 15.9, 15.8).
//
// Caps: a character is a token at worst (CJK), four make one in English: the schema's lengths in the worst
// usual case.
inline constexpr std::array<ClassRow, all_request_classes.size()> class_table{{
    {.request_class = RequestClass::chat, .name = "chat"},
    {.request_class = RequestClass::title,
     .name = "title",
     .lane = Lane::background,
     .contract = {.key = "title"},
     .schema = R"({"type":"object","properties":{
  "title":{"type":"string","minLength":1,"maxLength":80}},"required":["title"],"additionalProperties":false})",
     .cap = {.json = 128, .plain = 50},  // 50: what the releases with plain titles asked for
     .empty = EmptyAnswer::title},
    {.request_class = RequestClass::tags,
     .name = "tags",
     .lane = Lane::background,
     .contract = {.key = "tags", .value = AnswerContract::Value::list},
     .schema = R"({"type":"object","properties":{
  "tags":{"type":"array","minItems":1,"maxItems":6,"items":{"type":"string","minLength":1,"maxLength":40}}},
  "required":["tags"],"additionalProperties":false})",
     .cap = {.json = 200, .plain = 200},
     .empty = EmptyAnswer::no_entries},
    {.request_class = RequestClass::follow_up,
     .name = "follow_up",
     .lane = Lane::background,
     .contract = {.key = "follow_ups", .value = AnswerContract::Value::list},
     // Open WebUI keeps five follow-ups and drops those above 400 characters.
     .schema = R"({"type":"object","properties":{
  "follow_ups":{"type":"array","minItems":1,"maxItems":5,"items":{"type":"string","minLength":1,"maxLength":200}}},
  "required":["follow_ups"],"additionalProperties":false})",
     .cap = {.json = 600, .plain = 600},
     .empty = EmptyAnswer::no_entries},
    {.request_class = RequestClass::emoji,
     .name = "emoji",
     .lane = Lane::background,
     .cap = {.json = 4, .plain = 4},   // Open WebUI's own
     .empty = EmptyAnswer::no_words},  // an error would cost the sentence its voice
    {.request_class = RequestClass::autocomplete,
     .name = "autocomplete",
     .lane = Lane::keystroke,
     .contract = {.key = "text"},
     .schema = R"({"type":"object","properties":{
  "text":{"type":"string","maxLength":120}},"required":["text"],"additionalProperties":false})",
     .cap = {.json = 128, .plain = 128},
     .empty = EmptyAnswer::given_text},
    {.request_class = RequestClass::query,
     .name = "query",
     .lane = Lane::blocking,
     .contract = {.key = "queries", .value = AnswerContract::Value::list},
     .schema = R"({"type":"object","properties":{
  "queries":{"type":"array","maxItems":3,"items":{"type":"string","minLength":1,"maxLength":150}}},
  "required":["queries"],"additionalProperties":false})",
     .cap = {.json = 300, .plain = 50},
     // What Open WebUI itself falls back to, for an empty list skips the search; "" has the same effect.
     .empty = EmptyAnswer::last_message},
    {.request_class = RequestClass::image_prompt,
     .name = "image_prompt",
     .lane = Lane::blocking,
     .contract = {.key = "prompt"},
     .schema = R"({"type":"object","properties":{
  "prompt":{"type":"string","minLength":1}},"required":["prompt"],"additionalProperties":false})",
     .cap = {.json = 600, .plain = 600},
     .empty = EmptyAnswer::last_message},
    {.request_class = RequestClass::tool_selection,
     .name = "tool_selection",
     .lane = Lane::blocking,
     // Its instructions are the system message; the user message is all conversation.
     .contract = {.key = "tool_calls",
                  .value = AnswerContract::Value::list,
                  .named = AnswerContract::Named::in_system},
     .schema = R"({"type":"object","properties":{
  "tool_calls":{"type":"array","items":{"type":"object","properties":{
    "name":{"type":"string"},"parameters":{"type":"object"}},
    "required":["name","parameters"],"additionalProperties":false}}},
  "required":["tool_calls"],"additionalProperties":false})",
     .cap = {.json = 2048, .plain = 2048},  // a parameter may be a text that the person wrote
     .empty = EmptyAnswer::if_asked_none},  // releases before 0.5.8 do not ask for the key
    {.request_class = RequestClass::moa, .name = "moa"},
    // An empty summary would replace the person's history: it never gets an answer of Tasklane's.
    {.request_class = RequestClass::compaction, .name = "compaction"},
    {.request_class = RequestClass::memory_review,
     .name = "memory_review",
     .lane = Lane::background,
     .contract = {.key = "operations", .value = AnswerContract::Value::list},
     .schema = R"({"type":"object","properties":{
  "operations":{"type":"array","maxItems":8,"items":{"anyOf":[
    {"type":"object","properties":{"action":{"enum":["add"]},"type":{"enum":["user","context"]},
      "path":{"type":"string","maxLength":80},"content":{"type":"string","maxLength":300}},
      "required":["action","type","path","content"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["replace"]},"id":{"type":"string","maxLength":64},
      "type":{"enum":["user","context"]},"path":{"type":"string","maxLength":80},"content":{"type":"string","maxLength":300}},
      "required":["action","id","type","path","content"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["move"]},"id":{"type":"string","maxLength":64},"path":{"type":"string","maxLength":80}},
      "required":["action","id","path"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["remove"]},"id":{"type":"string","maxLength":64}},
      "required":["action","id"],"additionalProperties":false}]}}},
  "required":["operations"],"additionalProperties":false})",
     .cap = {.json = 1024, .plain = 1024},
     .empty = EmptyAnswer::no_entries},
    // Nobody knows what its answer looks like: neither schema nor cap nor an empty answer.
    {.request_class = RequestClass::task, .name = "task", .lane = Lane::background},
    {.request_class = RequestClass::embedding, .name = "embedding"},
    {.request_class = RequestClass::admin, .name = "admin"},
    {.request_class = RequestClass::other, .name = "other"},
}};

static_assert(
    [] {
      for (std::size_t i = 0; i < class_table.size(); ++i)
        if (class_table[i].request_class != all_request_classes[i] || class_table[i].name.empty())
          return false;
      return true;
    }(),
    "a row for each class, in the order of the classes");

// An answer whose JSON key is known has a schema, a cap and an empty answer; what is no task has nothing.
constexpr bool is_whole(const ClassRow& row) {
  const bool json = !row.contract.key.empty();
  const bool capped = row.cap.json > 0 && row.cap.plain > 0;
  if (json != !row.schema.empty()) return false;
  if (json && (!capped || row.empty == EmptyAnswer::none)) return false;
  return row.lane != Lane::interactive || (!json && !capped && row.empty == EmptyAnswer::none);
}
static_assert(
    [] {
      for (const ClassRow& row : class_table)
        if (!is_whole(row)) return false;
      return true;
    }(),
    "a class with a key needs its schema, its cap and its empty answer");

constexpr const ClassRow& class_row(RequestClass request_class) {
  return class_table.at(static_cast<std::size_t>(request_class));
}

std::string_view to_text(RequestClass request_class);
std::string_view to_text(Lane lane);
std::optional<RequestClass> request_class_from(std::string_view text);
std::optional<Lane> lane_from(std::string_view text);

// The lane of a class where no rule names one.
Lane default_lane(RequestClass request_class);

// Whether the class is one of the front end's automations: what Tasklane may delay, redirect or answer.
bool is_task(RequestClass request_class);

}  // namespace tasklane
