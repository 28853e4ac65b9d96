// OpenAI's responses (platform.openai.com/docs/api-reference/responses). A stream is server-sent events, each
// with its type and number; the last one holds the whole response, as it is answered without a stream.
#include <array>
#include <utility>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/openai_request.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

constexpr std::string_view limit_reason = "max_output_tokens";

template <class Action>
void each_object(const Json& object, std::string_view key, const Action& action) {
  const Json* list = object.is_object() ? member(object, key) : nullptr;
  if (list == nullptr || !list->is_array()) return;
  for (const Json& each : *list)
    if (each.is_object()) action(each);
}

Json text_part(const std::string& text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}};
}

Json message_of(const std::string& text) {
  return {{"type", "message"},
          {"id", "msg_tasklane"},
          {"status", "completed"},
          {"role", "assistant"},
          {"content", Json::array({text_part(text)})}};
}

std::string said_in(const Json& response) {
  std::string text;
  each_object(response, "output", [&](const Json& item) {
    if (text_at(item, "type") == "message")
      each_object(item, "content", [&](const Json& part) { text += text_at(part, "text"); });
  });
  return text;
}

// In place of what the message said, where it is to say something else.
void say(Json& response, const std::string& text) {
  Json& output = response["output"];
  if (!output.is_array()) output = Json::array();
  for (Json& item : output)
    if (item.is_object() && text_at(item, "type") == "message") {
      item["content"] = Json::array({text_part(text)});
      return;
    }
  output.push_back(message_of(text));
}

// Why an answer is not whole; empty: it is.
std::string_view incomplete_reason(const Answer& answer) {
  if (answer.finish_reason == "length") return limit_reason;
  return answer.finish_reason == "content_filter" ? "content_filter" : "";
}

// Beside the message: the thoughts before it, the calls behind it.
void put_output(Json& output, const Answer& answer) {
  if (!answer.thinking.empty()) {
    const Json summary = Json::array({{{"type", "summary_text"}, {"text", answer.thinking}}});
    output.push_back({{"type", "reasoning"}, {"id", "rs_tasklane"}, {"summary", summary}});
  }
  if (!answer.content.empty() || answer.tool_calls.empty()) output.push_back(message_of(answer.content));
  for (std::size_t i = 0; i < answer.tool_calls.size(); ++i) {
    const ToolCall& call = answer.tool_calls[i];
    output.push_back({{"type", "function_call"},
                      {"id", "fc_tasklane_" + std::to_string(i)},
                      {"status", "completed"},
                      {"call_id", call.id.empty() ? numbered_call(i) : call.id},
                      {"name", call.name},
                      {"arguments", call.arguments}});
  }
}

Json own_response(const Answer& answer) {
  const std::string_view why = incomplete_reason(answer);
  Json response = {{"id", "resp_tasklane"},
                   {"object", "response"},
                   {"created_at", created_seconds(answer)},
                   {"status", why.empty() ? "completed" : "incomplete"},
                   {"error", nullptr},
                   {"incomplete_details", nullptr},
                   {"model", ""},
                   {"output", Json::array()},
                   {"parallel_tool_calls", true},
                   {"tool_choice", "auto"},
                   {"tools", Json::array()},
                   {"usage", nullptr}};
  if (!why.empty()) response["incomplete_details"] = {{"reason", why}};
  put_output(response["output"], answer);
  const UpstreamFigures& figures = answer.figures;
  if (figures.prompt_tokens && figures.generated_tokens)
    response["usage"] = {{"input_tokens", *figures.prompt_tokens},
                         {"input_tokens_details", {{"cached_tokens", figures.cached_tokens.value_or(0)}}},
                         {"output_tokens", *figures.generated_tokens},
                         {"total_tokens", *figures.prompt_tokens + *figures.generated_tokens}};
  return response;
}

// Server-sent events, numbered from 0.
class Events {
 public:
  void add(const std::string& type, const Json& event) {
    Json numbered = {{"type", type}, {"sequence_number", number_++}};
    numbered.update(event);
    text_ += "event: " + type + "\ndata: " + to_wire_json(numbered) + "\n\n";
  }

  void add_item(std::size_t index, const Json& item) {
    Json begun = item;
    const bool message = text_at(item, "type") == "message";
    const bool call = text_at(item, "type") == "function_call";
    if (message || call) begun["status"] = "in_progress";
    if (call) begun["arguments"] = "";
    if (message) begun["content"] = Json::array();
    add("response.output_item.added", {{"output_index", index}, {"item", begun}});
    std::size_t part_index = 0;
    if (message)
      each_object(item, "content",
                  [&](const Json& part) { add_part(place(item, index, part_index++), part); });
    if (call) add_arguments(index, item);
    add("response.output_item.done", {{"output_index", index}, {"item", item}});
  }

  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  static Json place(const Json& item, std::size_t index, std::size_t part_index) {
    return {{"item_id", text_at(item, "id")}, {"output_index", index}, {"content_index", part_index}};
  }

  void add_arguments(std::size_t index, const Json& call) {
    const std::string said = text_at(call, "arguments");
    Json event = {{"item_id", text_at(call, "id")}, {"output_index", index}, {"delta", said}};
    add("response.function_call_arguments.delta", event);
    event.erase("delta");
    event["arguments"] = said;
    add("response.function_call_arguments.done", event);
  }

  void add_part(const Json& place, const Json& part) {
    const auto with = [&](std::string_view key, Json value) {
      Json event = place;
      event[std::string(key)] = std::move(value);
      return event;
    };
    const bool says_text = text_at(part, "type") == "output_text";
    Json begun = part;
    if (says_text) begun["text"] = "";
    add("response.content_part.added", with("part", begun));
    if (says_text) {
      add("response.output_text.delta", with("delta", text_at(part, "text")));
      add("response.output_text.done", with("text", text_at(part, "text")));
    }
    add("response.content_part.done", with("part", part));
  }

  std::string text_;
  std::uint64_t number_ = 0;
};

std::string as_events(const Json& response) {
  Json begun = response;
  begun["status"] = "in_progress";
  begun["output"] = Json::array();
  begun["usage"] = nullptr;
  Events events;
  events.add("response.created", {{"response", begun}});
  events.add("response.in_progress", {{"response", begun}});
  std::size_t index = 0;
  each_object(response, "output", [&](const Json& item) { events.add_item(index++, item); });
  const bool incomplete = text_at(response, "status") == "incomplete";
  events.add(incomplete ? "response.incomplete" : "response.completed", {{"response", response}});
  return std::move(events).text();
}

LocalAnswer write_response(const Answer& answer, const AnswerForm& form) {
  Json response = answer.envelope_dialect == form.dialect ? answer.envelope : own_response(answer);
  response["model"] = form.model;
  if (said_in(response) != answer.content || member(response, "output") == nullptr)
    say(response, answer.content);
  if (form.stream) return {200, "text/event-stream", as_events(response)};
  return {200, "application/json", to_wire_json(response)};
}

void take_item(AnswerIntake& intake, const Json& item) {
  const std::string type = text_at(item, "type");
  Answer& answer = intake.answer();
  if (type == "function_call" && intake.keeps_text())
    answer.tool_calls.push_back(
        {text_at(item, "call_id"), text_at(item, "name"), text_at(item, "arguments")});
  if (type != "message" && type != "reasoning") return;
  std::string& into = type == "reasoning" ? answer.thinking : answer.content;
  for (const std::string_view key : {"summary", "content"})
    each_object(item, key, [&](const Json& part) { intake.text(into, part, "text"); });
}

void take_figures(UpstreamFigures& figures, const Json& response) {
  const Json* usage = member(response, "usage");
  if (usage == nullptr || !usage->is_object()) return;
  read_count(figures.prompt_tokens, *usage, "input_tokens");
  read_count(figures.generated_tokens, *usage, "output_tokens");
  const Json* details = member(*usage, "input_tokens_details");
  if (details != nullptr) read_count(figures.cached_tokens, *details, "cached_tokens");
}

// What has come in pieces stands in it once more, and whole.
void take_whole(AnswerIntake& intake, Json& response) {
  Answer& answer = intake.answer();
  take_figures(answer.figures, response);
  const Json* why = member(response, "incomplete_details");
  const std::string reason = why == nullptr ? std::string() : text_at(*why, "reason");
  answer.finish_reason = reason == limit_reason ? "length" : reason.empty() ? "stop" : reason;
  const Json* output = member(response, "output");
  if (output != nullptr && output->is_array() && !output->empty()) {
    answer.content.clear();
    answer.thinking.clear();
    each_object(response, "output", [&](const Json& item) { take_item(intake, item); });
  }
  if (intake.keeps_text()) answer.envelope = std::move(response);
  intake.done();
}

void take_response(AnswerIntake& intake, Json& json) {
  const std::string type = text_at(json, "type");
  if (text_at(json, "object") == "response") return take_whole(intake, json);
  if (type == "response.output_text.delta") return intake.text(intake.answer().content, json, "delta");
  if (type != "response.completed" && type != "response.incomplete") return;
  Json* const response = member(json, "response");
  if (response != nullptr && response->is_object()) take_whole(intake, *response);
}

bool put_schema(Json& body, std::string_view name, Json schema) {
  const Json* const own = member(body, "text");
  if (own != nullptr && own->is_object() && own->contains("format") && own->at("format").is_object() &&
      text_at(own->at("format"), "type") != "text")
    return false;
  Json& text = body["text"];
  if (!text.is_object()) text = Json::object();
  text["format"] = {{"type", "json_schema"}, {"name", name}, {"strict", true}, {"schema", std::move(schema)}};
  return true;
}

// Work in the background is answered before it is done; what goes into a conversation that the server keeps
// must not go there twice.
constexpr std::array<NamedField, 2> own_fields{
    {{"background", BodyField::more}, {"conversation", BodyField::more}}};

constexpr std::array<std::string_view, 1> root_limits{"max_output_tokens"};
constexpr TokenLimits limits{.in_options = {}, .at_root = root_limits, .own = "max_output_tokens"};

}  // namespace

constinit const DialectRow openai_responses_row{
    .dialect = Dialect::openai_responses,
    .name = "openai_responses",
    .path = "responses",
    .prompt = PromptPlace::input,
    .tasks_unasked = true,
    .fields = own_fields,
    .limits = limits,
    .error = openai_error,
    .write = write_response,
    .take = take_response,
    .put_schema = put_schema,
    .hear = hear_openai_responses,
};

}  // namespace tasklane
