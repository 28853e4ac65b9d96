#include "tools/modelsim/generation_request.h"

#include <array>

#include "shaper/dialect/json_body.h"

namespace tasklane::sim {
namespace {

using Json = OrderedJson;

// Options whose change makes Ollama load the model anew (measured).
constexpr std::array<const char*, 7> load_options{"num_ctx",  "num_batch", "num_gpu",          "num_thread",
                                                  "main_gpu", "use_mmap",  "draft_num_predict"};

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (content.is_array())
    for (const Json& part : content)
      if (part.is_object()) text += part.value("text", "");
  return text;
}

void read_messages(const Json& body, GenerationRequest& request) {
  if (body.contains("tools")) append_tokens(request.work.prompt, body["tools"].dump());
  if (!body.contains("messages") || !body["messages"].is_array()) return;
  for (const Json& message : body["messages"]) {
    if (!message.is_object()) continue;
    const std::string role = message.value("role", "");
    const std::string text = message.contains("content") ? text_of(message["content"]) : "";
    append_tokens(request.work.prompt, "<|" + role + "|>");
    append_tokens(request.work.prompt, text);
    if (role == "user") request.last_user_text = text;
  }
  append_tokens(request.work.prompt, "<|assistant|>");
}

void read_prompt(const Json& body, GenerationRequest& request) {
  append_tokens(request.work.prompt, body.value("system", ""));
  request.last_user_text = body.contains("prompt") ? text_of(body["prompt"]) : "";
  append_tokens(request.work.prompt, request.last_user_text);
}

void read_limits(const Json& body, GenerationRequest& request, Flavour flavour) {
  const Json options = body.value("options", Json::object());
  for (const char* name : load_options)
    if (options.contains(name))
      request.work.load_options += std::string(name) + "=" + options[name].dump() + ";";
  if (body.value("shift", Json(true)) == Json(false)) request.work.load_options += "shift=false;";
  Json limit;
  if (is_ollama(request.dialect))
    limit = options.value("num_predict", Json());
  else
    for (const char* name : {"max_tokens", "max_completion_tokens", "n_predict"})
      if (body.contains(name)) limit = body[name];
  if (!limit.is_number()) return;
  const auto tokens = limit.get<std::int64_t>();
  // 0 is no limit in Ollama, one token in llama-server; below 0 is none in both.
  if (tokens > 0) request.work.most_tokens = static_cast<std::size_t>(tokens);
  if (tokens == 0 && flavour == Flavour::llama) request.work.most_tokens = 1;
}

void read_schema(const Json& body, GenerationRequest& request) {
  Json schema = body.value("format", Json());
  if (body.contains("response_format")) {
    const Json& format = body["response_format"];
    if (format.is_object() && format.contains("json_schema"))
      schema = format["json_schema"].value("schema", Json());
    else if (format.is_object())
      schema = format.value("schema", Json());
  }
  if (!schema.is_object() || !schema.contains("required") || !schema["required"].is_array() ||
      schema["required"].empty())
    return;
  request.schema_key = schema["required"][0].get<std::string>();
  const Json properties = schema.value("properties", Json::object());
  request.schema_is_list = properties.value(request.schema_key, Json::object()).value("type", "") == "array";
}

}  // namespace

Result<GenerationRequest> parse_generation(Dialect dialect, const std::string& body, Flavour flavour,
                                           Priorities priorities) {
  const Result<Json> parsed = parse_object(body);
  if (!parsed) return Error{"unexpected EOF", "", ""};
  const Json& json = *parsed;
  GenerationRequest request;
  request.dialect = dialect;
  try {
    request.model = json.value("model", "");
    request.stream = json.value("stream", is_ollama(dialect));
    if (json.contains("stream_options"))
      request.include_usage = json["stream_options"].value("include_usage", false);
    if (dialect == Dialect::ollama_chat || dialect == Dialect::openai_chat)
      read_messages(json, request);
    else
      read_prompt(json, request);
    read_limits(json, request, flavour);
    if (priorities != Priorities::ignored && !is_ollama(dialect))
      request.work.priority = json.value("priority", 0);
    read_schema(json, request);
  } catch (const Json::exception& error) {
    return Error{error.what(), "", ""};
  }
  if (flavour == Flavour::llama && dialect == Dialect::openai_chat && !json.contains("messages"))
    return Error{"'messages' is required", "", ""};
  if (priorities == Priorities::refused && request.work.priority != 0)
    return Error{
        "Got priority " + std::to_string(request.work.priority) + " but Priority scheduling is not enabled.",
        "", ""};
  request.load_only = is_ollama(dialect) && request.last_user_text.empty();
  request.work.model = request.model;
  request.work.stream = request.stream;
  return request;
}

}  // namespace tasklane::sim
