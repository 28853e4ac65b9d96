// One answer of a model, whatever it came as, and how it is written for a client: in the client's dialect and
// framing, under the model name that the client asked for.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/error_answer.h"
#include "shaper/dialect/figures.h"

namespace tasklane {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text
};

// An id for a call that has none, its answer's or conversation's `number`th: nine letters and digits, as some
// servers want an id to be.
std::string numbered_call(std::size_t number);

struct Answer {
  std::string content;
  std::string thinking;
  std::vector<ToolCall> tool_calls;
  std::string finish_reason;  // "stop", "length", "tool_calls", "load"...; empty: the model never said it
  UpstreamFigures figures;
  std::optional<std::chrono::system_clock::time_point> created;  // where the upstream gave no time

  // What the upstream's own objects held beside the text (ids, times, counts, timings), and the dialect in
  // which: given back as it was to a client of that dialect.
  nlohmann::ordered_json envelope = nlohmann::ordered_json::object();
  Dialect envelope_dialect = Dialect::none;
  // The same of the one choice (OpenAI) and of its message.
  nlohmann::ordered_json choice = nlohmann::ordered_json::object();
  nlohmann::ordered_json message = nlohmann::ordered_json::object();
  std::string thinking_field;  // "thinking", "reasoning", "reasoning_content"; empty: the dialect's usual
};

// How a client asked for its answer.
struct AnswerForm {
  Dialect dialect = Dialect::ollama_chat;  // one that writes_answers()
  bool stream = false;
  bool include_usage = false;  // OpenAI, streamed: stream_options.include_usage
  std::string model;           // as the client wrote it
};

// When it was made, in seconds since 1970; 0 where nobody said so.
std::int64_t created_seconds(const Answer& answer);

// Status 200, head values and body. Streamed: the text in one piece, then the end as the dialect writes it.
LocalAnswer render(const Answer& answer, const AnswerForm& form);

}  // namespace tasklane
