// OpenAI's chat completions and completions, as llama-server, vLLM, Ollama's /v1 and others speak them. A
// stream is server-sent events, the last of them [DONE].
#include <array>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/openai_request.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

constexpr double millisecond = 1e-3;

const Json* object_at(const Json& object, std::string_view key) {
  const Json* value = member(object, key);
  return value != nullptr && value->is_object() ? value : nullptr;
}

Json usage_of(const UpstreamFigures& figures) {
  if (!figures.prompt_tokens || !figures.generated_tokens) return {};
  Json usage = {{"prompt_tokens", *figures.prompt_tokens},
                {"completion_tokens", *figures.generated_tokens},
                {"total_tokens", *figures.prompt_tokens + *figures.generated_tokens}};
  if (figures.cached_tokens) usage["prompt_tokens_details"] = {{"cached_tokens", *figures.cached_tokens}};
  return usage;
}

// Writes answers of OpenAI's two endpoints: one object, or server-sent events.
class OpenaiForm {
 public:
  OpenaiForm(const Answer& answer, const AnswerForm& form)
      : answer_(answer),
        form_(form),
        chat_(form.dialect == Dialect::openai_chat),
        kept_(answer.envelope_dialect == form.dialect) {
    if (kept_) {
      base_ = answer.envelope;
    } else {
      base_["id"] = chat_ ? "chatcmpl-tasklane" : "cmpl-tasklane";
      base_["object"] = "";
      base_["created"] = created_seconds(answer);
    }
    base_["model"] = form.model;
    usage_ = take("usage");
    if (usage_.is_null()) usage_ = usage_of(answer.figures);
    timings_ = take("timings");
  }

  [[nodiscard]] LocalAnswer whole() {
    base_["object"] = chat_ ? "chat.completion" : "text_completion";
    Json choice = chat_ ? Json{{"index", 0}, {"message", message()}} : text_choice();
    if (kept_) choice.update(answer_.choice);
    choice["finish_reason"] = reason();
    base_["choices"] = Json::array({std::move(choice)});
    add_figures(base_);
    return {200, "application/json", to_wire_json(base_)};
  }

  [[nodiscard]] LocalAnswer stream() {
    base_["object"] = chat_ ? "chat.completion.chunk" : "text_completion";
    Json text = chat_ ? Json{{"index", 0}, {"delta", delta()}} : text_choice();
    text["finish_reason"] = nullptr;
    Json end = chat_ ? Json{{"index", 0}, {"delta", Json::object()}}
                     : Json{{"text", ""}, {"index", 0}, {"logprobs", nullptr}};
    if (kept_) end.update(answer_.choice);
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
    const bool of_ollama = answer_.finish_reason == "load" || answer_.finish_reason == "unload";
    return of_ollama ? "stop" : answer_.finish_reason;
  }

  [[nodiscard]] Json message() const {
    Json message = {{"role", "assistant"}, {"content", answer_.content}};
    if (!answer_.thinking.empty())
      message[answer_.thinking_field.empty() ? "reasoning_content" : answer_.thinking_field] =
          answer_.thinking;
    if (kept_) message.update(answer_.message);
    for (std::size_t i = 0; i < answer_.tool_calls.size(); ++i) {
      const ToolCall& call = answer_.tool_calls[i];
      message["tool_calls"].push_back({{"id", call.id.empty() ? numbered_call(i) : call.id},
                                       {"type", "function"},
                                       {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    }
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
  bool kept_;  // what stood beside the text is of this dialect
  Json base_ = Json::object();
  Json usage_;
  Json timings_;
};

LocalAnswer write_openai(const Answer& answer, const AnswerForm& form) {
  OpenaiForm written(answer, form);
  return form.stream ? written.stream() : written.whole();
}

void take_figures(UpstreamFigures& figures, const Json& json) {
  if (const Json* usage = object_at(json, "usage")) {
    read_count(figures.prompt_tokens, *usage, "prompt_tokens");
    read_count(figures.generated_tokens, *usage, "completion_tokens");
    if (const Json* details = object_at(*usage, "prompt_tokens_details"))
      read_count(figures.cached_tokens, *details, "cached_tokens");
  }
  const Json* timings = object_at(json, "timings");
  if (timings == nullptr) return;
  read_count(figures.cached_tokens, *timings, "cache_n");
  read_count(figures.computed_tokens, *timings, "prompt_n");
  read_count(figures.generated_tokens, *timings, "predicted_n");
  read_time(figures.prompt_time, *timings, "prompt_ms", millisecond);
  read_time(figures.generation_time, *timings, "predicted_ms", millisecond);
  if (figures.cached_tokens && figures.computed_tokens && !figures.prompt_tokens)
    figures.prompt_tokens = *figures.cached_tokens + *figures.computed_tokens;
}

void take_delta(AnswerIntake& intake, const Json& message) {
  Answer& answer = intake.answer();
  intake.text(answer.content, message, "content");
  for (const std::string_view field : {"reasoning_content", "reasoning"}) {
    const std::size_t before = answer.thinking.size();
    intake.text(answer.thinking, message, field);
    if (answer.thinking.size() == before) continue;
    answer.thinking_field = field;
    break;  // vLLM sends both names with the same text
  }
  intake.rest(answer.message, message, AnswerIntake::Texts::in_pieces,
              {"role", "content", "reasoning_content", "reasoning", "tool_calls"});
  const Json* calls = member(message, "tool_calls");
  if (calls == nullptr || !calls->is_array()) return;
  for (const Json& call : *calls) {
    std::optional<std::uint64_t> index;
    read_count(index, call, "index");
    intake.tool_call(call, index);
  }
}

void take_message(AnswerIntake& intake, const Json& choice) {
  for (const std::string_view part : {"delta", "message"})
    if (const Json* message = object_at(choice, part)) take_delta(intake, *message);
}

void take_completion(AnswerIntake& intake, const Json& choice) {
  intake.text(intake.answer().content, choice, "text");
}

// What stands beside the choices, each as it came last with a value.
void keep_envelope(Json& envelope, const Json& json) {
  for (const auto& [key, value] : json.items()) {
    const bool keeps = key == "usage" ? !value.is_null() : key != "choices" || !envelope.contains(key);
    if (keeps) envelope[key] = key == "choices" ? Json::array() : value;
  }
}

template <void (*take_choice)(AnswerIntake&, const Json&)>
void take_openai(AnswerIntake& intake, Json& json) {
  take_figures(intake.answer().figures, json);
  if (const Json* choices = member(json, "choices"); choices != nullptr && choices->is_array())
    for (const Json& choice : *choices) {
      if (!choice.is_object() || choice.value("index", Json(0)) != 0) continue;
      intake.finish_reason(choice, "finish_reason");
      intake.rest(intake.answer().choice, choice, AnswerIntake::Texts::whole,
                  {"index", "delta", "message", "text", "finish_reason"});
      take_choice(intake, choice);
    }
  // Ollama's /v1 says so where its runner died.
  const bool lost = json.contains("model") && text_at(json, "model").empty();
  intake.lost(lost);
  if (intake.keeps_text() && !lost) keep_envelope(intake.answer().envelope, json);
}

bool put_schema(Json& body, std::string_view name, Json schema) {
  Json named = Json::object();
  named["name"] = name;
  named["strict"] = true;
  named["schema"] = std::move(schema);
  Json format = Json::object();
  format["type"] = "json_schema";
  format["json_schema"] = std::move(named);
  body["response_format"] = std::move(format);
  return true;
}

// The first for llama-server and vLLM, whose older releases know nothing else; the second for Ollama's /v1
// and newer llama-servers.
bool stop_thinking(Json& body) {
  for (const std::string_view key : {"reasoning_effort", "reasoning"})
    if (const Json* own = member(body, key); own != nullptr && *own != Json("")) return false;
  Json& arguments = body["chat_template_kwargs"];
  if (!arguments.is_object()) arguments = Json::object();
  if (arguments.contains("enable_thinking") || arguments.contains("reasoning_effort")) return false;
  arguments["enable_thinking"] = false;
  body["reasoning_effort"] = "none";
  return true;
}

constexpr std::array<std::string_view, 3> root_limits{"max_tokens", "max_completion_tokens", "n_predict"};
constexpr std::array<std::string_view, 1> llama_servers_own{"n_predict"};
constexpr TokenLimits limits{
    .in_options = {}, .at_root = root_limits, .own = "max_tokens", .count_not = llama_servers_own};

}  // namespace

constinit const DialectRow openai_chat_row{
    .dialect = Dialect::openai_chat,
    .name = "openai_chat",
    .path = "chat/completions",
    .family = DialectFamily::openai,
    .tasks_unasked = true,
    .usage_unless_asked = false,
    .limits = limits,
    .error = openai_error,
    .write = write_openai,
    .take = take_openai<take_message>,
    .put_schema = put_schema,
    .stop_thinking = stop_thinking,
    .hear = hear_openai_chat,
    .ask = ask_openai,
};

constinit const DialectRow openai_completions_row{
    .dialect = Dialect::openai_completions,
    .name = "openai_completions",
    .path = "completions",
    .family = DialectFamily::openai,
    .prompt = PromptPlace::lone,
    .for_scripts = true,
    .usage_unless_asked = false,
    .limits = limits,
    .error = openai_error,
    .write = write_openai,
    .take = take_openai<take_completion>,
};

}  // namespace tasklane
