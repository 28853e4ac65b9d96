// What a request asks, said without a dialect: the one form between all of them. A dialect's row reads its
// bodies into it (`hear`) and writes bodies from it (`ask`); both refuse what they cannot say, never guess.
// Used to ask a server of another dialect (translate.h) and to see that two requests ask the same
// (neutral.h).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/dialect/answer.h"

namespace tasklane {

// A value, and its JSON pointer in the body that said it.
struct Said {
  OrderedJson value;
  std::string where;
};

struct Part {
  bool image = false;
  std::string text{};   // of an image: its URL, "data:image/png;base64,..." or one of the web
  std::string where{};  // JSON pointer
};

struct Turn {
  std::string role{};  // "system", "developer", "user", "assistant" or "tool"
  std::vector<Part> parts{};
  std::string thinking{};
  std::vector<ToolCall> tool_calls{};  // each with an id
  std::string tool_call_id{};          // of a tool's result; empty: none was called
  std::string tool_name{};             // whose result it is, where that is known
  std::string where{};                 // JSON pointer
};

struct Tool {
  std::string name{};
  OrderedJson description = nullptr;  // null: none
  OrderedJson parameters = nullptr;   // null: none
  std::optional<bool> strict{};
  std::string where{};  // JSON pointer
};

struct Question {
  OrderedJson model = nullptr;
  bool stream = false;
  std::vector<Turn> turns{};
  std::optional<Said> limit{};   // of generated tokens, positive
  std::optional<Said> format{};  // "json" or a schema
  std::optional<Said> think{};   // true, false, "low", "medium" or "high"
  // temperature, top_p, seed, stop (a list), frequency_penalty, presence_penalty.
  std::vector<std::pair<std::string, Said>> samplers{};
  // Samplers tuned to one model, under Ollama's names: top_k, min_p, repeat_penalty...
  std::vector<std::pair<std::string, Said>> tuning{};
  std::vector<Tool> tools{};
  std::optional<Said> tool_choice{};     // "none", "required" or {"name": "..."}; absent: the model's
  std::optional<Said> parallel_calls{};  // false: one call at a time
  // Something was left out that changes no answer of another server: what it keeps loaded, what it counts.
  bool left_out = false;
};

// `where` and one further step, escaped as RFC 6901 has it.
std::string at(std::string_view where, std::string_view key);
std::string at(std::string_view where, std::size_t index);

// Reads a body into a Question, for the dialects' `hear`. The first thing that is not understood is kept as
// the error, and reading goes on: no value that a client writes does harm. Not thread-safe.
class Hearing {
 public:
  Question question{};

  void refuse(const std::string& where, std::string_view what);
  void leave_out() { question.left_out = true; }

  // Of the root and of Ollama's options alike. False: no member that all dialects write alike.
  bool common(std::string_view key, const OrderedJson& value, const std::string& where);
  void limit(const OrderedJson& value, const std::string& where);
  void format(const OrderedJson& schema_or_word, const std::string& where);
  // OpenAI's {"type": "json_schema", ...}; `schema`: the object that holds name, strict and schema.
  void typed_format(const OrderedJson& value, const std::string& where);
  void think(const OrderedJson& value, const std::string& where);
  // OpenAI's "none", "low"...
  void effort(const OrderedJson& value, const std::string& where);
  // Two that mean one thing must say the same.
  void say(std::optional<Said>& into, OrderedJson value, const std::string& where);

  // Each member that is not null, in its order.
  template <class Take>
  void members(const OrderedJson& object, const std::string& where, const Take& take) {
    if (!object.is_object()) return refuse(where, "is no object");
    for (const auto& [key, value] : object.items())
      if (!value.is_null()) take(key, value, at(where, key));
  }
  template <class Take>
  void elements(const OrderedJson& list, const std::string& where, const Take& take) {
    if (!list.is_array()) return refuse(where, "is no list");
    for (std::size_t i = 0; i < list.size(); ++i) take(list[i], at(where, i));
  }
  // Refused where it is no text: then empty.
  std::string text(const OrderedJson& value, const std::string& where);
  void unknown(const std::string& where) { refuse(where, "is known in this dialect alone, or in none"); }

  // {"type": "function", "function": {...}}, as Ollama and OpenAI write it.
  void tools(const OrderedJson& list, const std::string& where);
  // One function's name, description, parameters and strict.
  void tool(const OrderedJson& function, const std::string& where);
  // The calls of an assistant's message, likewise.
  void tool_calls(Turn& turn, const OrderedJson& list, const std::string& where);
  // A tool's arguments, as an object or as its text.
  std::string arguments(const OrderedJson& value, const std::string& where);

  // The whole, with the results of tools told to their calls.
  Result<Question> heard() &&;

 private:
  void match_tools();

  std::optional<Error> problem_;
};

// What a dialect's `ask` cannot say, as its error.
Error cannot_say(const std::string& where, std::string_view what);

// The tools as Ollama and OpenAI write them.
OrderedJson written_tools(const std::vector<Tool>& tools);

}  // namespace tasklane
