#include "shaper/dialect/openai_request.h"

#include <algorithm>
#include <utility>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/dialect.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

bool among(std::initializer_list<std::string_view> names, std::string_view key) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

bool is_text_part(std::string_view type) {
  return type == "text" || type == "input_text" || type == "output_text";
}
bool is_image_part(std::string_view type) { return type == "image_url" || type == "input_image"; }

// Chat completions have the URL in an object beside its detail, responses as a text.
void hear_image(Hearing& hearing, Turn& turn, const Json& url, const std::string& where) {
  if (url.is_object()) {
    const Json* inside = member(url, "url");
    if (inside == nullptr || url.size() > 1 + url.count("detail"))
      return hearing.refuse(where, "is no image's URL");
    return hear_image(hearing, turn, *inside, at(where, "url"));
  }
  turn.parts.push_back({true, hearing.text(url, where), where});
}

void hear_part(Hearing& hearing, Turn& turn, const Json& part, const std::string& where) {
  const std::string type = part.is_object() ? text_at(part, "type") : std::string();
  if (!is_text_part(type) && !is_image_part(type)) return hearing.refuse(where, "is neither text nor image");
  const std::size_t before = turn.parts.size();
  hearing.members(part, where, [&](const std::string& key, const Json& value, const std::string& place) {
    if (key == "text" && is_text_part(type))
      turn.parts.push_back({false, hearing.text(value, place), place});
    else if (key == "image_url" && is_image_part(type))
      hear_image(hearing, turn, value, place);
    else if (!among({"type", "detail", "annotations", "logprobs", "cache_control"}, key))
      hearing.unknown(place);
  });
  if (turn.parts.size() == before) hearing.refuse(where, "holds neither text nor image");
}

// How much a model thinks, as its chat template is told.
void hear_template(Hearing& hearing, const Json& arguments, const std::string& where) {
  hearing.members(arguments, where, [&](const std::string& key, const Json& value, const std::string& place) {
    if ((key == "enable_thinking" || key == "thinking") && value.is_boolean())
      hearing.think(value, place);
    else if (key == "reasoning_effort")
      hearing.effort(value, place);
    else
      hearing.unknown(place);
  });
}

// Neither asks for more than one text without more.
bool asks_for_one(const std::string& key, const Json& value) {
  if (among({"n", "best_of"}, key)) return value == 1;
  if (among({"logprobs", "store", "background", "echo"}, key)) return value == false;
  if (key == "top_logprobs") return value == 0;
  if (key == "modalities") return value == Json::array({"text"});
  return among({"logit_bias", "include", "functions"}, key) && (value.is_object() || value.is_array()) &&
         value.empty();
}

void hear_tool_choice(Hearing& hearing, const Json& value, const std::string& where) {
  if (value == "auto") return hearing.leave_out();
  if (value == "none" || value == "required") return hearing.say(hearing.question.tool_choice, value, where);
  const bool named = value.is_object() && text_at(value, "type") == "function";
  const Json* function = named ? member(value, "function") : nullptr;
  const std::string name = named ? text_at(function != nullptr ? *function : value, "name") : std::string();
  if (name.empty()) return hearing.refuse(where, "is no choice of a function");
  hearing.say(hearing.question.tool_choice, Json{{"name", name}}, where);
}

class ChatEar {
 public:
  Result<Question> heard(const Json& body) && {
    const bool kwargs_alone =
        member(body, "chat_template_kwargs") != nullptr && member(body, "reasoning_effort") == nullptr;
    // A server that knows only the other switch overlooks it.
    if (kwargs_alone) hearing_.leave_out();
    hearing_.members(body, "", [&](const std::string& key, const Json& value, const std::string& where) {
      if (!member_of_chat(key, value, where) && !hear_openai_member(hearing_, key, value, where))
        hearing_.unknown(where);
    });
    return std::move(hearing_).heard();
  }

 private:
  bool member_of_chat(const std::string& key, const Json& value, const std::string& where) {
    if (key == "messages")
      hearing_.elements(value, where,
                        [&](const Json& each, const std::string& place) { message(each, place); });
    else if (key == "response_format")
      hearing_.typed_format(value, where);
    else if (key == "reasoning_effort")
      hearing_.effort(value, where);
    else if (key == "chat_template_kwargs")
      hear_template(hearing_, value, where);
    else if (key == "tools")
      hearing_.tools(value, where);
    else
      return limit(key, value, where);
    return true;
  }

  bool limit(const std::string& key, const Json& value, const std::string& where) {
    if (!among({"max_tokens", "max_completion_tokens", "n_predict"}, key)) return false;
    if (value == 0) hearing_.refuse(where, "is no limit that all servers understand alike");
    if (value.is_number() && value < 0)
      hearing_.leave_out();  // llama-server: none
    else
      hearing_.limit(value, where);
    return true;
  }

  void message(const Json& message, const std::string& where) {
    Turn turn{.where = where};
    hearing_.members(message, where,
                     [&](const std::string& key, const Json& value, const std::string& place) {
                       const bool names_tool = key == "name" && text_at(message, "role") == "tool";
                       if (key == "content")
                         hear_content(hearing_, turn, value, place);
                       else if (key == "role")
                         turn.role = hearing_.text(value, place);
                       else if (key == "tool_calls")
                         hearing_.tool_calls(turn, value, place);
                       else if (key == "tool_call_id")
                         turn.tool_call_id = hearing_.text(value, place);
                       else if (key == "reasoning_content" ||
                                (key == "reasoning" && !message.contains("reasoning_content")))
                         turn.thinking = hearing_.text(value, place);
                       else if (names_tool)
                         turn.tool_name = hearing_.text(value, place);
                       else if (key != "reasoning" && !(key == "annotations" && value.empty()))
                         hearing_.unknown(place);
                     });
    if (!among({"system", "developer", "user", "assistant", "tool"}, turn.role))
      hearing_.refuse(where, "has a role that is none of system, developer, user, assistant and tool");
    hearing_.question.turns.push_back(std::move(turn));
  }

  Hearing hearing_;
};

class OpenaiMouth {
 public:
  explicit OpenaiMouth(const Question& question) : question_(question) {}

  Json asked() && {
    if (!question_.model.is_null()) body_["model"] = question_.model;
    body_["messages"] = Json::array();
    for (const Turn& turn : question_.turns) body_["messages"].push_back(message(turn));
    body_["stream"] = question_.stream;
    if (question_.limit) body_["max_tokens"] = question_.limit->value;
    for (const auto& [name, said] : question_.samplers) body_[name] = said.value;
    put_format();
    put_thinking();
    if (!question_.tools.empty()) body_["tools"] = written_tools(question_.tools);
    if (question_.tool_choice) body_["tool_choice"] = choice(question_.tool_choice->value);
    if (question_.parallel_calls) body_["parallel_tool_calls"] = question_.parallel_calls->value;
    return std::move(body_);
  }

 private:
  static Json message(const Turn& turn) {
    Json message = {{"role", turn.role}, {"content", content(turn.parts)}};
    if (!turn.thinking.empty()) message["reasoning_content"] = turn.thinking;
    for (const ToolCall& call : turn.tool_calls)
      message["tool_calls"].push_back({{"id", call.id},
                                       {"type", "function"},
                                       {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    if (!turn.tool_call_id.empty()) message["tool_call_id"] = turn.tool_call_id;
    return message;
  }

  static Json content(const std::vector<Part>& parts) {
    if (parts.empty()) return "";
    if (parts.size() == 1 && !parts.front().image) return parts.front().text;
    Json list = Json::array();
    for (const Part& part : parts)
      list.push_back(part.image ? Json{{"type", "image_url"}, {"image_url", {{"url", part.text}}}}
                                : Json{{"type", "text"}, {"text", part.text}});
    return list;
  }

  static Json choice(const Json& value) {
    if (value.is_string()) return value;
    return {{"type", "function"}, {"function", value}};
  }

  void put_format() {
    if (!question_.format) return;
    const Json& format = question_.format->value;
    if (format.is_object())
      dialect_row(Dialect::openai_chat).put_schema(body_, "answer", format);
    else
      body_["response_format"] = {{"type", "json_object"}};
  }

  void put_thinking() {
    if (!question_.think) return;
    const Json& think = question_.think->value;
    if (think == false)
      dialect_row(Dialect::openai_chat).stop_thinking(body_);
    else if (think == true)
      body_["chat_template_kwargs"] = {{"enable_thinking", true}};
    else
      body_["reasoning_effort"] = think;
  }

  const Question& question_;
  Json body_ = Json::object();
};

}  // namespace

bool hear_openai_member(Hearing& hearing, const std::string& key, const Json& value,
                        const std::string& where) {
  Question& question = hearing.question;
  if (key == "model")
    question.model = value;
  else if (key == "stream")
    question.stream = value == true;
  else if (key == "repetition_penalty")  // vLLM's name
    hearing.common("repeat_penalty", value, where);
  else if (key == "tool_choice")
    hear_tool_choice(hearing, value, where);
  else if (key == "parallel_tool_calls" && value == false)
    hearing.say(question.parallel_calls, value, where);
  else if (key == "reasoning")  // beside `effort`, what is told of the thoughts
    hearing.members(value, where, [&](const std::string& name, const Json& inside, const std::string& place) {
      if (name == "effort") return hearing.effort(inside, place);
      among({"summary", "generate_summary"}, name) ? hearing.leave_out() : hearing.unknown(place);
    });
  else if (among({"user", "metadata", "chat_id", "service_tier", "safety_identifier", "prompt_cache_key",
                  "prompt_cache_retention", "stream_options", "cache_prompt", "id_slot", "priority",
                  "num_predict", "prediction", "truncation"},
                 key) ||
           (key == "parallel_tool_calls" && value == true) || asks_for_one(key, value))
    hearing.leave_out();
  else
    return hearing.common(key, value, where);
  return true;
}

void hear_content(Hearing& hearing, Turn& turn, const Json& content, const std::string& where) {
  if (!content.is_array()) return turn.parts.push_back({false, hearing.text(content, where), where});
  hearing.elements(content, where, [&](const Json& part, const std::string& place) {
    hear_part(hearing, turn, part, place);
  });
}

Result<Question> hear_openai_chat(const Json& body) { return ChatEar().heard(body); }
Result<Json> ask_openai(const Question& question) {
  return Result<Json>(boost::system::in_place_value, OpenaiMouth(question).asked());
}

}  // namespace tasklane
