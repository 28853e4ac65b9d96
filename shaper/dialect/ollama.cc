// Ollama's own API: /api/chat and /api/generate. A stream is a line of JSON an object, the last with "done".
#include <array>
#include <cstdio>
#include <ctime>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/ollama_figures.h"
#include "shaper/dialect/ollama_request.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

constexpr std::string_view ollama_json = "application/json; charset=utf-8";
constexpr std::string_view ollama_stream = "application/x-ndjson";

// RFC 3339, in microseconds.
std::string timestamp(const Answer& answer) {
  const auto time = answer.created.value_or(std::chrono::system_clock::time_point{});
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() % 1'000'000;
  const std::time_t seconds = created_seconds(answer);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%06dZ", static_cast<int>(micros));
  return text.data();
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
    if (answer_.envelope_dialect == Dialect::ollama_chat) message.update(answer_.message);
    for (std::size_t i = 0; i < answer_.tool_calls.size(); ++i) {
      const ToolCall& call = answer_.tool_calls[i];
      const auto parsed = parse_object(call.arguments);
      // Arguments that break off are none to call a tool with.
      if (!parsed && !call.arguments.empty()) continue;
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

LocalAnswer write_ollama(const Answer& answer, const AnswerForm& form) {
  OllamaForm written(answer, form);
  return form.stream ? written.stream() : written.whole();
}

void take_figures(UpstreamFigures& figures, const Json& json) {
  for (const auto& [name, figure] : ollama_counts) read_count(figures.*figure, json, name);
  for (const auto& [name, figure] : ollama_times) read_time(figures.*figure, json, name, ollama_time_unit);
}

void take_end(AnswerIntake& intake, Json& json) {
  intake.finish_reason(json, "done_reason");
  take_figures(intake.answer().figures, json);
  const Json* done = member(json, "done");
  if (done != nullptr && *done == true) intake.done();
  if (intake.keeps_text()) intake.answer().envelope = std::move(json);
}

void take_chat(AnswerIntake& intake, Json& json) {
  if (const Json* message = member(json, "message"); message != nullptr && message->is_object()) {
    intake.text(intake.answer().content, *message, "content");
    intake.text(intake.answer().thinking, *message, "thinking");
    intake.rest(intake.answer().message, *message, AnswerIntake::Texts::whole,
                {"role", "content", "thinking", "tool_calls"});
    // Whole calls, never pieces of one.
    if (const Json* calls = member(*message, "tool_calls"); calls != nullptr && calls->is_array())
      for (const Json& call : *calls) intake.tool_call(call, std::nullopt);
  }
  take_end(intake, json);
}

void take_generate(AnswerIntake& intake, Json& json) {
  intake.text(intake.answer().content, json, "response");
  intake.text(intake.answer().thinking, json, "thinking");
  take_end(intake, json);
}

bool put_schema(Json& body, std::string_view, Json schema) {
  body["format"] = std::move(schema);
  return true;
}

// Models without thinking accept false; a true one they refuse.
bool stop_thinking(Json& body) {
  if (const Json* think = member(body, "think"); think != nullptr && *think != Json("")) return false;
  body["think"] = false;
  return true;
}

constexpr std::array<std::string_view, 1> root_limits{"num_predict"};
constexpr TokenLimits limits{.in_options = "num_predict", .at_root = root_limits, .own = {}};

}  // namespace

constinit const DialectRow ollama_chat_row{
    .dialect = Dialect::ollama_chat,
    .name = "ollama_chat",
    .path = "api/chat",
    .family = DialectFamily::ollama,
    .streams_unasked = true,
    .tasks_unasked = true,
    .limits = limits,
    .write = write_ollama,
    .take = take_chat,
    .put_schema = put_schema,
    .stop_thinking = stop_thinking,
    .hear = hear_ollama_chat,
    .ask = ask_ollama,
};

constinit const DialectRow ollama_generate_row{
    .dialect = Dialect::ollama_generate,
    .name = "ollama_generate",
    .path = "api/generate",
    .family = DialectFamily::ollama,
    .prompt = PromptPlace::lone,
    .streams_unasked = true,
    .limits = limits,
    .write = write_ollama,
    .take = take_generate,
    .put_schema = put_schema,
    .stop_thinking = stop_thinking,
    .hear = hear_ollama_generate,
};

}  // namespace tasklane
