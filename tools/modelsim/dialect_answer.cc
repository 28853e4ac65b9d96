#include "tools/modelsim/dialect_answer.h"

namespace tasklane::sim {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* created_at = "2026-01-01T00:00:00Z";

std::string name_of(std::uint64_t id) { return "chatcmpl-" + std::to_string(id); }
double ms(Duration d) { return seconds_of(d) * 1e3; }

Json ollama_base(const GenerationRequest& request, std::string_view text) {
  Json json{{"model", request.model}, {"created_at", created_at}};
  if (request.dialect == Dialect::ollama_chat)
    json["message"] = Json{{"role", "assistant"}, {"content", text}};
  else
    json["response"] = text;
  return json;
}

void add_ollama_figures(Json& json, const Usage& usage) {
  json["done"] = true;
  json["done_reason"] = usage.cut ? "length" : "stop";
  json["total_duration"] = (usage.load + usage.prefill + usage.decode).count();
  json["load_duration"] = usage.load.count();
  json["prompt_eval_count"] = usage.new_tokens + usage.cached_tokens;
  json["prompt_eval_duration"] = usage.prefill.count();
  json["eval_count"] = usage.generated;
  json["eval_duration"] = usage.decode.count();
}

Json openai_usage(const Usage& usage, Flavour flavour) {
  Json json{{"prompt_tokens", usage.new_tokens + usage.cached_tokens},
            {"completion_tokens", usage.generated},
            {"total_tokens", usage.new_tokens + usage.cached_tokens + usage.generated}};
  if (flavour == Flavour::llama) json["prompt_tokens_details"] = Json{{"cached_tokens", usage.cached_tokens}};
  return json;
}

Json llama_timings(const Usage& usage) {
  return {{"cache_n", usage.cached_tokens},
          {"prompt_n", usage.new_tokens},
          {"prompt_ms", ms(usage.prefill)},
          {"predicted_n", usage.generated},
          {"predicted_ms", ms(usage.decode)}};
}

Json openai_base(const GenerationRequest& request, std::uint64_t id, bool chunk) {
  const bool chat = request.dialect == Dialect::openai_chat;
  return {{"id", name_of(id)},
          {"object", !chat   ? "text_completion"
                     : chunk ? "chat.completion.chunk"
                             : "chat.completion"},
          {"created", 1767225600},
          {"model", request.model}};
}

Json openai_choice(const GenerationRequest& request, const char* part, const Json& content,
                   const Json& finish) {
  Json choice{{"index", 0}};
  if (request.dialect == Dialect::openai_chat)
    choice[part] = content;
  else
    choice["text"] = content.value("content", "");
  choice["finish_reason"] = finish;
  return choice;
}

std::string event(const Json& json) { return "data: " + json.dump() + "\n\n"; }

}  // namespace

std::string stream_content_type(const GenerationRequest& request) {
  return is_ollama(request.dialect) ? "application/x-ndjson" : "text/event-stream";
}

std::string stream_piece(const GenerationRequest& request, std::uint64_t id, std::string_view text) {
  if (is_ollama(request.dialect)) {
    Json json = ollama_base(request, text);
    json["done"] = false;
    return json.dump() + "\n";
  }
  Json json = openai_base(request, id, true);
  json["choices"] = Json::array({openai_choice(request, "delta", Json{{"content", text}}, nullptr)});
  return event(json);
}

std::string stream_end(const GenerationRequest& request, std::uint64_t id, const Usage& usage,
                       Flavour flavour) {
  if (is_ollama(request.dialect)) {
    Json json = ollama_base(request, "");
    add_ollama_figures(json, usage);
    return json.dump() + "\n";
  }
  Json last = openai_base(request, id, true);
  last["choices"] =
      Json::array({openai_choice(request, "delta", Json::object(), usage.cut ? "length" : "stop")});
  if (flavour == Flavour::llama && !request.include_usage) last["timings"] = llama_timings(usage);
  std::string out = event(last);
  if (request.include_usage) {
    Json figures = openai_base(request, id, true);
    figures["choices"] = Json::array();
    figures["usage"] = openai_usage(usage, flavour);
    if (flavour == Flavour::llama) figures["timings"] = llama_timings(usage);
    out += event(figures);
  }
  return out + "data: [DONE]\n\n";
}

std::string whole_answer(const GenerationRequest& request, std::uint64_t id, const std::string& text,
                         const Usage& usage, Flavour flavour) {
  if (is_ollama(request.dialect)) {
    Json json = ollama_base(request, text);
    add_ollama_figures(json, usage);
    return json.dump();
  }
  Json json = openai_base(request, id, false);
  const Json message{{"role", "assistant"}, {"content", text}};
  json["choices"] = Json::array({openai_choice(request, "message", message, usage.cut ? "length" : "stop")});
  json["usage"] = openai_usage(usage, flavour);
  if (flavour == Flavour::llama) json["timings"] = llama_timings(usage);
  return json.dump();
}

std::string error_body(Dialect dialect, Flavour flavour, int status, const std::string& message,
                       const std::string& type) {
  if (flavour == Flavour::llama)
    return Json{{"error", {{"code", status}, {"message", message}, {"type", type}}}}.dump();
  if (is_ollama(dialect) || dialect == Dialect::none) return Json{{"error", message}}.dump();
  return Json{{"error", {{"message", message}, {"type", type}, {"param", nullptr}, {"code", nullptr}}}}
             .dump() +
         "\n";
}

}  // namespace tasklane::sim
