// The APIs whose requests are read: one file and one row each. What differs from API to API stands in the row
// alone; a new one is its enumerator, its row's name in the table below, and its file.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

struct Answer;
struct AnswerForm;
struct LocalAnswer;
struct Question;
class AnswerIntake;

// How a request and its answer are written. The client's dialect decides the form of every answer.
enum class Dialect {
  none,  // no body that is read
  ollama_chat,
  ollama_generate,
  openai_chat,
  openai_completions,
  openai_responses,
  anthropic_messages,
};

enum class DialectFamily { none, ollama, openai, other };

// Where the prompt stands in a body.
enum class PromptPlace {
  messages,             // `messages`
  messages_and_system,  // `messages`, and a system text beside it
  lone,                 // `prompt`, with `system` beside it
  input,                // `input`, a text or messages, with `instructions` beside it
};

// What a body's root field means; the names that all dialects share stand in body.cc.
enum class BodyField {
  messages,
  options,
  stream_options,
  several,  // a number: how many answers
  more,     // where it is set, more than one answer's text
  prompt,
  model,
  stream,
  shift,
  keep_alive,
  system,
  input,
  tools,
  functions,
  images,
  format,
  response_format,
  token_limit,
};
struct NamedField {
  std::string_view name;
  BodyField field;
};

// Where a limit of generated tokens stands.
struct TokenLimits {
  std::string_view in_options{};                     // in `options`; empty: at the root
  std::span<const std::string_view> at_root{};       // read, and where a body has one changed
  std::string_view own{};                            // set at the root where the body has none
  std::span<const std::string_view> count_not = {};  // of at_root: the server may not know it
};

struct DialectRow {
  Dialect dialect = Dialect::none;
  std::string_view name{};
  std::string_view path{};  // how the request's path ends; the table's first that fits decides
  DialectFamily family = DialectFamily::other;
  PromptPlace prompt = PromptPlace::messages;
  bool streams_unasked = false;          // a request that does not say whether it streams does
  bool for_scripts = false;              // nobody waits for a whole answer of it: no chat unless it streams
  bool tasks_unasked = false;            // a pack entry that names no dialects is for it
  bool usage_unless_asked = true;        // a stream ends with figures; else stream_options ask for them
  std::span<const NamedField> fields{};  // root fields beside the common ones
  TokenLimits limits{};

  // An error of Tasklane's own as this dialect writes it; null: Ollama's form.
  std::string (*error)(int status, std::string_view message) = nullptr;

  // Both or neither: an answer written for a client, and one object of an answer taken in.
  LocalAnswer (*write)(const Answer&, const AnswerForm&) = nullptr;
  void (*take)(AnswerIntake&, OrderedJson&) = nullptr;

  // What constrains a task. Each says whether the body was changed; null: nothing does.
  bool (*put_schema)(OrderedJson& body, std::string_view name, OrderedJson schema) = nullptr;
  bool (*stop_thinking)(OrderedJson& body) = nullptr;

  // A request read into what it asks, whatever the dialect, and written from that (question.h). Error: what
  // cannot be said. Null: it is not translated from, and to.
  Result<Question> (*hear)(const OrderedJson& body) = nullptr;
  Result<OrderedJson> (*ask)(const Question&) = nullptr;
};

extern const DialectRow ollama_chat_row;
extern const DialectRow ollama_generate_row;
extern const DialectRow openai_chat_row;
extern const DialectRow openai_completions_row;
extern const DialectRow openai_responses_row;
extern const DialectRow anthropic_messages_row;

// In the order of their enumerators.
inline constexpr std::array<const DialectRow*, 6> dialect_table{
    &ollama_chat_row,        &ollama_generate_row,  &openai_chat_row,
    &openai_completions_row, &openai_responses_row, &anthropic_messages_row};

// Those with `tasks_unasked`.
std::vector<Dialect> dialects_of_tasks();

// Of `none`: a row without a name.
const DialectRow& dialect_row(Dialect dialect);

inline std::string_view to_text(Dialect dialect) { return dialect_row(dialect).name; }
inline bool is_ollama(Dialect d) { return dialect_row(d).family == DialectFamily::ollama; }
inline bool is_openai(Dialect d) { return dialect_row(d).family == DialectFamily::openai; }
// Dialects in which Tasklane can ask for a stream, put an answer together and write one itself.
inline bool writes_answers(Dialect d) { return dialect_row(d).write != nullptr; }

}  // namespace tasklane
