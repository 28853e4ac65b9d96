#include "shaper/task/constrain.h"

#include <algorithm>
#include <array>

#include "shaper/dialect/contract.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

// Lengths are bounded, so that a model that rambles still closes its object below the cap. The bounds cost no
// time: 15.2 ms a token without a format, 14.2 with one, 14.7 with 200 characters at most (SmolLM2 135M,
// llama-server, one thread, medians of three follow-ups; Ollama 16.1, 15.9, 15.8).
constexpr std::string_view title_schema = R"({"type":"object","properties":{
  "title":{"type":"string","minLength":1,"maxLength":80}},"required":["title"],"additionalProperties":false})";
constexpr std::string_view tags_schema = R"({"type":"object","properties":{
  "tags":{"type":"array","minItems":1,"maxItems":6,"items":{"type":"string","minLength":1,"maxLength":40}}},
  "required":["tags"],"additionalProperties":false})";
// Open WebUI keeps five follow-ups and drops those above 400 characters.
constexpr std::string_view follow_up_schema = R"({"type":"object","properties":{
  "follow_ups":{"type":"array","minItems":1,"maxItems":5,"items":{"type":"string","minLength":1,"maxLength":200}}},
  "required":["follow_ups"],"additionalProperties":false})";
constexpr std::string_view autocomplete_schema = R"({"type":"object","properties":{
  "text":{"type":"string","maxLength":120}},"required":["text"],"additionalProperties":false})";
constexpr std::string_view query_schema = R"({"type":"object","properties":{
  "queries":{"type":"array","maxItems":3,"items":{"type":"string","minLength":1,"maxLength":150}}},
  "required":["queries"],"additionalProperties":false})";
constexpr std::string_view image_prompt_schema = R"({"type":"object","properties":{
  "prompt":{"type":"string","minLength":1}},"required":["prompt"],"additionalProperties":false})";
constexpr std::string_view tool_selection_schema = R"({"type":"object","properties":{
  "tool_calls":{"type":"array","items":{"type":"object","properties":{
    "name":{"type":"string"},"parameters":{"type":"object"}},
    "required":["name","parameters"],"additionalProperties":false}}},
  "required":["tool_calls"],"additionalProperties":false})";
constexpr std::string_view memory_review_schema = R"({"type":"object","properties":{
  "operations":{"type":"array","maxItems":8,"items":{"anyOf":[
    {"type":"object","properties":{"action":{"enum":["add"]},"type":{"enum":["user","context"]},
      "path":{"type":"string","maxLength":80},"content":{"type":"string","maxLength":300}},
      "required":["action","type","path","content"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["replace"]},"id":{"type":"string","maxLength":64},
      "type":{"enum":["user","context"]},"path":{"type":"string","maxLength":80},"content":{"type":"string","maxLength":300}},
      "required":["action","id","type","path","content"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["move"]},"id":{"type":"string","maxLength":64},"path":{"type":"string","maxLength":80}},
      "required":["action","id","path"],"additionalProperties":false},
    {"type":"object","properties":{"action":{"enum":["remove"]},"id":{"type":"string","maxLength":64}},
      "required":["action","id"],"additionalProperties":false}]}}},
  "required":["operations"],"additionalProperties":false})";

// Fields by which one or the other server takes the form of an answer.
constexpr std::array<std::string_view, 9> own_formats{
    "format",       "response_format", "grammar",       "json_schema",       "guided_json",
    "guided_regex", "guided_grammar",  "guided_choice", "structured_outputs"};

// Null and "" are none.
bool carries(const OrderedJson& body, std::string_view key) {
  const OrderedJson* value = member(body, key);
  return value != nullptr && *value != OrderedJson("");
}

bool takes_schema(const OrderedJson& body, Dialect dialect) {
  if (dialect == Dialect::openai_completions) return false;
  if (carries(body, "tools") || carries(body, "functions")) return false;
  return std::none_of(own_formats.begin(), own_formats.end(),
                      [&](std::string_view key) { return carries(body, key); });
}

bool put_schema(OrderedJson& body, Dialect dialect, RequestClass request_class) {
  const std::string_view text = answer_schema(request_class);
  if (text.empty() || !takes_schema(body, dialect)) return false;
  OrderedJson schema = OrderedJson::parse(text);
  if (is_ollama(dialect)) {
    body["format"] = std::move(schema);
    return true;
  }
  OrderedJson named = OrderedJson::object();
  named["name"] = to_text(request_class);
  named["strict"] = true;
  named["schema"] = std::move(schema);
  OrderedJson format = OrderedJson::object();
  format["type"] = "json_schema";
  format["json_schema"] = std::move(named);
  body["response_format"] = std::move(format);
  return true;
}

bool put_cap(OrderedJson& body, Dialect dialect, RequestClass request_class, bool json_contract) {
  const std::int64_t cap = token_cap(request_class, json_contract);
  const std::int64_t tokens = std::min(cap, token_limit(body, dialect).value_or(cap));
  const OrderedJson before = body;
  set_token_limit(body, dialect, tokens);
  return body != before;
}

bool stop_thinking(OrderedJson& body, Dialect dialect) {
  if (is_ollama(dialect)) {
    if (carries(body, "think")) return false;
    body["think"] = false;
    return true;
  }
  if (dialect != Dialect::openai_chat) return false;
  if (carries(body, "reasoning_effort") || carries(body, "reasoning")) return false;
  OrderedJson& arguments = body["chat_template_kwargs"];
  if (!arguments.is_object()) arguments = OrderedJson::object();
  if (arguments.contains("enable_thinking") || arguments.contains("reasoning_effort")) return false;
  arguments["enable_thinking"] = false;
  body["reasoning_effort"] = "none";
  return true;
}

}  // namespace

std::string_view answer_schema(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::title:
      return title_schema;
    case RequestClass::tags:
      return tags_schema;
    case RequestClass::follow_up:
      return follow_up_schema;
    case RequestClass::autocomplete:
      return autocomplete_schema;
    case RequestClass::query:
      return query_schema;
    case RequestClass::image_prompt:
      return image_prompt_schema;
    case RequestClass::tool_selection:
      return tool_selection_schema;
    case RequestClass::memory_review:
      return memory_review_schema;
    default:
      return "";
  }
}

// A character is a token at worst (CJK), four make one in English: the schema's lengths in the worst usual
// case.
std::int64_t token_cap(RequestClass request_class, bool json_contract) {
  switch (request_class) {
    case RequestClass::title:
      return json_contract ? 128 : 50;  // 50: what the releases with plain titles asked for
    case RequestClass::tags:
      return 200;
    case RequestClass::follow_up:
      return 600;
    case RequestClass::autocomplete:
      return 128;
    case RequestClass::query:
      return json_contract ? 300 : 50;
    case RequestClass::image_prompt:
      return 600;
    case RequestClass::memory_review:
      return 1024;
    case RequestClass::tool_selection:
      return 2048;  // a parameter may be a text that the person wrote
    case RequestClass::emoji:
      return 4;  // Open WebUI's own
    default:
      return 0;
  }
}

Constraints fewer(Constraints wanted, Constraints applied) {
  if (!applied.schema) return {false, false, false};
  wanted.schema = false;
  return wanted;
}

Result<std::optional<Constrained>> constrain(std::string_view body, Dialect dialect,
                                             RequestClass request_class, bool json_contract,
                                             Constraints wanted) {
  if (token_cap(request_class, json_contract) == 0 || !wanted.any()) return std::optional<Constrained>();
  auto parsed = parse_object(body);
  if (!parsed) return parsed.error();
  Constraints applied{false, false, false};
  applied.schema = wanted.schema && json_contract && put_schema(*parsed, dialect, request_class);
  applied.cap = wanted.cap && put_cap(*parsed, dialect, request_class, json_contract);
  applied.no_thinking = wanted.no_thinking && stop_thinking(*parsed, dialect);
  if (!applied.any()) return std::optional<Constrained>();
  return std::optional<Constrained>(Constrained{to_wire_json(*parsed), applied});
}

}  // namespace tasklane
