// The classes of requests and the lanes they travel in (design: "Telling tasks from chats", "Lanes"). What is
// known of a class stands in one row of a table, in request_class.cc: a new class is an enumerator here and
// its row there. Pure and constant, so safe from any thread.
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

const ClassRow& class_row(RequestClass request_class);

std::string_view to_text(RequestClass request_class);
std::string_view to_text(Lane lane);
std::optional<RequestClass> request_class_from(std::string_view text);
std::optional<Lane> lane_from(std::string_view text);

// The lane of a class where no rule names one.
Lane default_lane(RequestClass request_class);

// Whether the class is one of the front end's automations: what Tasklane may delay, redirect or answer.
bool is_task(RequestClass request_class);

}  // namespace tasklane
