#include "shaper/dialect/answer.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using Json = OrderedJson;
using SystemTime = std::chrono::system_clock::time_point;

constexpr std::string_view ollama_json = "application/json; charset=utf-8";
constexpr std::string_view ollama_stream = "application/x-ndjson";

std::int64_t unix_seconds(const Answer& answer) {
  const SystemTime time = answer.created.value_or(SystemTime{});
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// RFC 3339, in microseconds.
std::string timestamp(const Answer& answer) {
  const SystemTime time = answer.created.value_or(SystemTime{});
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() % 1'000'000;
  const std::time_t seconds = unix_seconds(answer);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%06dZ", static_cast<int>(micros));
  return text.data();
}

Json usage_of(const UpstreamFigures& figures) {
  if (!figures.prompt_tokens || !figures.generated_tokens) return {};
  return {{"prompt_tokens", *figures.prompt_tokens},
          {"completion_tokens", *figures.generated_tokens},
          {"total_tokens", *figures.prompt_tokens + *figures.generated_tokens}};
}

// Writes answers of Ollama: one object, or lines of them.
class OllamaForm {
 public:
  OllamaForm(const Answer& answer, const AnswerForm& form)
      : answer_(answer), chat_(form.dialect == Dialect::ollama_chat), last_(start(form)) {
    last_["model"] = form.model;
  }

  [[nodiscard]] LocalAnswer whole() {
    put_text(last_);
    return {200, std::string(ollama_json), to_wire_json(last_)};
  }

  [[nodiscard]] LocalAnswer stream() {
    Json first = {{"model", last_["model"]}, {"created_at", last_["created_at"]}};
    put_text(first);
    first["done"] = false;
    if (chat_)
      last_["message"] = {{"role", "assistant"}, {"content", ""}};
    else
      last_["response"] = "";
    const bool silent = answer_.content.empty() && answer_.thinking.empty() && answer_.tool_calls.empty();
    std::string lines = silent ? "" : to_wire_json(first) + "\n";
    return {200, std::string(ollama_stream), lines + to_wire_json(last_) + "\n"};
  }

 private:
  Json start(const AnswerForm& form) const {
    if (answer_.envelope_dialect == form.dialect) return answer_.envelope;
    Json json = {{"model", ""}, {"created_at", timestamp(answer_)}};
    json[chat_ ? "message" : "response"] = nullptr;  // its place among the keys
    json["done"] = true;
    const std::string& reason = answer_.finish_reason;
    json["done_reason"] = reason.empty() || reason == "tool_calls" ? "stop" : reason;
    const UpstreamFigures& figures = answer_.figures;
    const auto nanoseconds = [](std::optional<Duration> time) { return time.value_or(Duration{}).count(); };
    json["total_duration"] = nanoseconds(figures.total_time);
    json["load_duration"] = nanoseconds(figures.load_time);
    json["prompt_eval_count"] = figures.prompt_tokens.value_or(0);
    json["prompt_eval_duration"] = nanoseconds(figures.prompt_time);
    json["eval_count"] = figures.generated_tokens.value_or(0);
    json["eval_duration"] = nanoseconds(figures.generation_time);
    return json;
  }

  void put_text(Json& object) const {
    if (!chat_) {
      object["response"] = answer_.content;
      if (!answer_.thinking.empty()) object["thinking"] = answer_.thinking;
      return;
    }
    Json message = {{"role", "assistant"}, {"content", answer_.content}};
    if (!answer_.thinking.empty()) message["thinking"] = answer_.thinking;
    for (std::size_t i = 0; i < answer_.tool_calls.size(); ++i) {
      const ToolCall& call = answer_.tool_calls[i];
      const auto parsed = parse_object(call.arguments);
      const Json arguments = parsed ? *parsed : Json::object();
      Json entry = {{"function", {{"index", i}, {"name", call.name}, {"arguments", arguments}}}};
      if (!call.id.empty()) entry["id"] = call.id;
      message["tool_calls"].push_back(entry);
    }
    object["message"] = message;
  }

  const Answer& answer_;
  bool chat_;
  Json last_;
};

// Writes answers of OpenAI's two endpoints: one object, or server-sent events.
class OpenaiForm {
 public:
  OpenaiForm(const Answer& answer, const AnswerForm& form)
      : answer_(answer), form_(form), chat_(form.dialect == Dialect::openai_chat) {
    if (answer.envelope_dialect == form.dialect) {
      base_ = answer.envelope;
    } else {
      base_["id"] = chat_ ? "chatcmpl-tasklane" : "cmpl-tasklane";
      base_["object"] = "";
      base_["created"] = unix_seconds(answer);
    }
    base_["model"] = form.model;
    usage_ = take("usage");
    if (usage_.is_null()) usage_ = usage_of(answer.figures);
    timings_ = take("timings");
  }

  [[nodiscard]] LocalAnswer whole() {
    base_["object"] = chat_ ? "chat.completion" : "text_completion";
    base_["choices"] = Json::array({chat_ ? Json{{"index", 0}, {"message", message()}} : text_choice()});
    base_["choices"][0]["finish_reason"] = reason();
    add_figures(base_);
    return {200, "application/json", to_wire_json(base_)};
  }

  [[nodiscard]] LocalAnswer stream() {
    base_["object"] = chat_ ? "chat.completion.chunk" : "text_completion";
    Json text = chat_ ? Json{{"index", 0}, {"delta", delta()}} : text_choice();
    text["finish_reason"] = nullptr;
    Json end = chat_ ? Json{{"index", 0}, {"delta", Json::object()}}
                     : Json{{"text", ""}, {"index", 0}, {"logprobs", nullptr}};
    end["finish_reason"] = reason();
    std::string events = event(text, false) + event(end, !form_.include_usage);
    if (form_.include_usage) events += event(Json(), true);
    return {200, "text/event-stream", events + "data: [DONE]\n\n"};
  }

 private:
  Json take(std::string_view key) {
    const auto found = base_.find(key);
    if (found == base_.end()) return {};
    Json value = *found;
    base_.erase(found);
    return value;
  }

  void add_figures(Json& object) const {
    if (!usage_.is_null() && (!form_.stream || form_.include_usage)) object["usage"] = usage_;
    if (!timings_.is_null()) object["timings"] = timings_;
  }

  // A null choice is the chunk that holds the figures alone.
  [[nodiscard]] std::string event(const Json& choice, bool figures) const {
    Json chunk = base_;
    chunk["choices"] = choice.is_null() ? Json::array() : Json::array({choice});
    if (figures) add_figures(chunk);
    return "data: " + to_wire_json(chunk) + "\n\n";
  }

  [[nodiscard]] Json reason() const {
    if (answer_.finish_reason.empty()) return nullptr;
    if (answer_.finish_reason == "stop" && !answer_.tool_calls.empty()) return "tool_calls";
    return answer_.finish_reason == "load" ? "stop" : answer_.finish_reason;
  }

  [[nodiscard]] Json message() const {
    Json message = {{"role", "assistant"}, {"content", answer_.content}};
    if (!answer_.thinking.empty())
      message[answer_.thinking_field.empty() ? "reasoning_content" : answer_.thinking_field] =
          answer_.thinking;
    for (const ToolCall& call : answer_.tool_calls)
      message["tool_calls"].push_back({{"id", call.id},
                                       {"type", "function"},
                                       {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    return message;
  }

  [[nodiscard]] Json delta() const {
    Json delta = message();
    if (delta.contains("tool_calls"))
      for (std::size_t i = 0; i < delta["tool_calls"].size(); ++i) delta["tool_calls"][i]["index"] = i;
    return delta;
  }

  [[nodiscard]] Json text_choice() const {
    return {{"text", answer_.content}, {"index", 0}, {"logprobs", nullptr}};
  }

  const Answer& answer_;
  const AnswerForm& form_;
  bool chat_;
  Json base_ = Json::object();
  Json usage_;
  Json timings_;
};

template <class Form>
LocalAnswer written(Form form, bool stream) {
  return stream ? form.stream() : form.whole();
}

}  // namespace

LocalAnswer render(const Answer& answer, const AnswerForm& form) {
  return is_openai(form.dialect) ? written(OpenaiForm(answer, form), form.stream)
                                 : written(OllamaForm(answer, form), form.stream);
}

}  // namespace tasklane
