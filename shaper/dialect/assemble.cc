#include "shaper/dialect/assemble.h"

#include <optional>
#include <utility>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using Json = nlohmann::ordered_json;

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_at(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

void read_count(std::optional<std::uint64_t>& into, const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_number()) return;
  const double number = value->get<double>();
  if (number >= 0 && number < 1e15) into = static_cast<std::uint64_t>(number);
}

void read_time(std::optional<Duration>& into, const Json& object, std::string_view key, double unit_seconds) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_number()) return;
  const double seconds = value->get<double>() * unit_seconds;
  if (seconds >= 0 && seconds < 1e8) into = from_seconds(seconds);
}

// {"error":"..."} or {"error":{"message":"..."}}.
std::string error_text(const Json& error) {
  if (error.is_string()) return error.get<std::string>();
  const std::string message = text_at(error, "message");
  return message.empty() ? "an error without a message" : message;
}

// The `code` of an error where it is a number other than 0.
int status_in(const Json& error) {
  const Json* code = find(error, "code");
  return code != nullptr && code->is_number_integer() ? code->get<int>() : 0;
}

constexpr double nanosecond = 1e-9;
constexpr double millisecond = 1e-3;

}  // namespace

AnswerAssembler::AnswerAssembler(Dialect dialect, Keep keep, ByteSize limit)
    : dialect_(dialect), keep_(keep), limit_(limit.bytes) {
  answer_.envelope_dialect = dialect;
}

void AnswerAssembler::fail(std::string problem) {
  state_ = StreamState::failed;
  problem_ = std::move(problem);
  held_.clear();
}

void AnswerAssembler::feed(std::string_view bytes) {
  if (state_ == StreamState::failed) return;
  if (keep_ != Keep::figures && kept_bytes_ + bytes.size() > limit_) {
    if (state_ == StreamState::open) fail("the answer is larger than the limit");
    return;
  }
  kept_bytes_ += bytes.size();
  if (keep_ == Keep::raw) raw_ += bytes;
  if (!begun_) begin(bytes);
  if (one_object_)
    hold(bytes);
  else
    lines(bytes);
}

// Some servers answer one object though a stream was asked for.
void AnswerAssembler::begin(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  begun_ = true;
  one_object_ = is_openai(dialect_) && bytes[first] == '{';
}

void AnswerAssembler::hold(std::string_view bytes) {
  if (held_.size() + bytes.size() > limit_) too_long_ = true;
  if (too_long_)
    held_.clear();
  else
    held_ += bytes;
}

void AnswerAssembler::lines(std::string_view bytes) {
  while (state_ == StreamState::open && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    hold(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    too_long_ = false;
    const std::string whole = std::exchange(held_, {});
    line(whole);
  }
}

void AnswerAssembler::finish(bool clean) {
  if (state_ != StreamState::open) return;
  const std::string rest = std::exchange(held_, {});
  if (!rest.empty()) one_object_ ? object(rest) : line(rest);
  if (state_ == StreamState::complete) return;
  if (!clean) return fail("the connection broke in mid-answer");
  if (state_ == StreamState::failed) return;
  if (lost_model_) return fail("the model server's runner ended in mid-answer");
  state_ = StreamState::cut;
}

void AnswerAssembler::line(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  if (text.empty()) return;
  is_ollama(dialect_) ? object(text) : sse_line(text);
}

void AnswerAssembler::sse_line(std::string_view text) {
  if (text.starts_with("event:")) {
    error_event_ = text.find("error") != std::string_view::npos;
    return;
  }
  // "error:" is how older llama-servers name the field.
  for (const std::string_view field : {"data:", "error:"}) {
    if (!text.starts_with(field)) continue;
    text.remove_prefix(field.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text == "[DONE]") {
      state_ = StreamState::complete;
    } else if (error_event_) {
      const auto json = parse_object(text);
      refuse(json ? *json : Json(std::string(text)), text);
    } else if (!text.empty()) {
      object(text);
    }
    return;
  }
}

void AnswerAssembler::object(std::string_view text) {
  auto json = parse_object(text);
  if (!json) return fail("a line of the answer is no JSON object");
  if (failure(*json, text)) return;
  is_ollama(dialect_) ? ollama(*json) : openai(*json);
}

// An error that says something, with no answer beside it: some servers send "error": "" or "code": 0 with
// each chunk.
bool AnswerAssembler::failure(const Json& json, std::string_view text) {
  const Json* error = find(json, "error");
  const auto* words = error == nullptr ? nullptr : error->get_ptr<const Json::string_t*>();
  const bool says_nothing = error == nullptr || error->empty() || (words != nullptr && words->empty()) ||
                            *error == false || *error == 0;
  // Older llama-servers send the error's inside alone.
  const bool inside = is_openai(dialect_) && !json.contains("choices") && find(json, "message") != nullptr &&
                      status_in(json) != 0;
  if (!says_nothing)
    refuse(error->is_object() ? *error : json, text);
  else if (inside)
    refuse(json, text);
  return state_ == StreamState::failed;
}

void AnswerAssembler::refuse(const Json& error, std::string_view text) {
  error_words_ = text;
  if (const int status = status_in(error); status >= 400 && status < 600) error_status_ = status;
  const Json* plain = find(error, "error");
  fail(error_text(plain != nullptr ? *plain : error));
}

void AnswerAssembler::take_text(std::string& into, const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  if (value == nullptr || !value->is_string()) return;
  const auto& text = value->get_ref<const std::string&>();
  any_text_ = any_text_ || !text.empty();
  if (keep_ != Keep::figures) into += text;
}

void AnswerAssembler::ollama(Json& json) {
  if (dialect_ == Dialect::ollama_chat) {
    if (const Json* message = find(json, "message")) {
      take_text(answer_.content, *message, "content");
      take_text(answer_.thinking, *message, "thinking");
      if (const Json* calls = find(*message, "tool_calls"); calls != nullptr && calls->is_array())
        for (const Json& call : *calls) tool_call(call);
    }
  } else {
    take_text(answer_.content, json, "response");
    take_text(answer_.thinking, json, "thinking");
  }
  if (const std::string reason = text_at(json, "done_reason"); !reason.empty())
    answer_.finish_reason = reason;
  ollama_figures(json);
  const Json* done = find(json, "done");
  if (done != nullptr && *done == true) state_ = StreamState::complete;
  if (keep_ != Keep::figures) answer_.envelope = std::move(json);
}

void AnswerAssembler::ollama_figures(const Json& json) {
  UpstreamFigures& figures = answer_.figures;
  read_count(figures.prompt_tokens, json, "prompt_eval_count");
  read_count(figures.generated_tokens, json, "eval_count");
  read_time(figures.prompt_time, json, "prompt_eval_duration", nanosecond);
  read_time(figures.generation_time, json, "eval_duration", nanosecond);
  read_time(figures.load_time, json, "load_duration", nanosecond);
  read_time(figures.total_time, json, "total_duration", nanosecond);
}

void AnswerAssembler::openai(Json& json) {
  openai_figures(json);
  const auto choices = json.find("choices");
  if (choices != json.end() && choices->is_array())
    for (Json& one : *choices)
      if (one.is_object() && one.value("index", Json(0)) == 0) choice(one);
  lost_model_ = text_at(json, "model").empty() && json.contains("model");
  if (one_object_) state_ = StreamState::complete;
  if (keep_ == Keep::figures || lost_model_) return;
  for (const auto& [key, value] : json.items()) {
    const bool keeps =
        key == "usage" ? !value.is_null() : key != "choices" || !answer_.envelope.contains(key);
    if (keeps) answer_.envelope[key] = key == "choices" ? Json::array() : value;
  }
}

void AnswerAssembler::choice(Json& choice) {
  if (const std::string reason = text_at(choice, "finish_reason"); !reason.empty())
    answer_.finish_reason = reason;
  if (dialect_ == Dialect::openai_completions) return take_text(answer_.content, choice, "text");
  for (const std::string_view part : {"delta", "message"})
    if (const auto found = choice.find(part); found != choice.end() && found->is_object()) delta(*found);
}

void AnswerAssembler::delta(Json& message) {
  take_text(answer_.content, message, "content");
  for (const std::string_view field : {"reasoning_content", "reasoning"}) {
    const std::size_t before = answer_.thinking.size();
    take_text(answer_.thinking, message, field);
    if (answer_.thinking.size() == before) continue;
    answer_.thinking_field = field;
    break;  // vLLM sends both names with the same text
  }
  if (const Json* calls = find(message, "tool_calls"); calls != nullptr && calls->is_array())
    for (const Json& call : *calls) tool_call(call);
}

// Ollama sends whole calls, OpenAI's streams pieces that carry the call's index.
void AnswerAssembler::tool_call(const Json& call) {
  any_text_ = true;
  const Json* function = find(call, "function");
  if (keep_ == Keep::figures || function == nullptr) return;
  std::optional<std::uint64_t> index;
  if (is_openai(dialect_)) read_count(index, call, "index");
  const std::size_t place = index ? call_places_.try_emplace(*index, answer_.tool_calls.size()).first->second
                                  : answer_.tool_calls.size();
  if (place == answer_.tool_calls.size()) answer_.tool_calls.emplace_back();
  ToolCall& into = answer_.tool_calls[place];
  if (const std::string id = text_at(call, "id"); !id.empty()) into.id = id;
  into.name += text_at(*function, "name");
  const Json* arguments = find(*function, "arguments");
  if (arguments == nullptr) return;
  into.arguments += arguments->is_string() ? arguments->get<std::string>()
                                           : arguments->dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AnswerAssembler::openai_figures(const Json& json) {
  UpstreamFigures& figures = answer_.figures;
  if (const Json* usage = find(json, "usage")) {
    read_count(figures.prompt_tokens, *usage, "prompt_tokens");
    read_count(figures.generated_tokens, *usage, "completion_tokens");
    if (const Json* details = find(*usage, "prompt_tokens_details"))
      read_count(figures.cached_tokens, *details, "cached_tokens");
  }
  const Json* timings = find(json, "timings");
  if (timings == nullptr) return;
  read_count(figures.cached_tokens, *timings, "cache_n");
  read_count(figures.computed_tokens, *timings, "prompt_n");
  read_count(figures.generated_tokens, *timings, "predicted_n");
  read_time(figures.prompt_time, *timings, "prompt_ms", millisecond);
  read_time(figures.generation_time, *timings, "predicted_ms", millisecond);
  if (figures.cached_tokens && figures.computed_tokens && !figures.prompt_tokens)
    figures.prompt_tokens = *figures.cached_tokens + *figures.computed_tokens;
}

}  // namespace tasklane
