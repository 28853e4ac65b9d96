// The requests of OpenAI's responses: `input` is a text, or items of a conversation of which a message's
// calls and their results stand alone.
#include <utility>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/openai_request.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

class ResponsesEar {
 public:
  Result<Question> heard(const Json& body) && {
    // Before the input, wherever it stands.
    if (const Json* said = body.is_object() ? member(body, "instructions") : nullptr; said != nullptr)
      text_turn("system", *said, "/instructions");
    hearing_.members(body, "", [&](const std::string& key, const Json& value, const std::string& where) {
      if (!own(key, value, where) && !hear_openai_member(hearing_, key, value, where))
        hearing_.unknown(where);
    });
    if (!thinking_.empty()) hearing_.refuse("/input", "ends with thoughts that belong to no answer");
    return std::move(hearing_).heard();
  }

 private:
  bool own(const std::string& key, const Json& value, const std::string& where) {
    if (key == "input" && value.is_string())
      text_turn("user", value, where);
    else if (key == "input")
      hearing_.elements(value, where, [&](const Json& each, const std::string& place) { item(each, place); });
    else if (key == "text")
      hearing_.members(value, where,
                       [&](const std::string& name, const Json& inside, const std::string& place) {
                         name == "format" ? hearing_.typed_format(inside, place) : hearing_.unknown(place);
                       });
    else if (key == "max_output_tokens")
      limit(value, where);
    else if (key == "tools")
      hearing_.elements(value, where, [&](const Json& each, const std::string& place) { tool(each, place); });
    else
      return key == "instructions";
    return true;
  }

  void limit(const Json& value, const std::string& where) {
    if (value.is_number() && value <= 0) hearing_.refuse(where, "is no limit");
    hearing_.limit(value, where);
  }

  void tool(const Json& tool, const std::string& where) {
    if (!tool.is_object() || text_at(tool, "type") != "function")
      return hearing_.refuse(where, "is no tool that is a function");
    hearing_.tool(tool, where);
  }

  void text_turn(const char* role, const Json& value, const std::string& where) {
    Turn turn{.role = role, .where = where};
    turn.parts.push_back({false, hearing_.text(value, where), where});
    if (!turn.parts.front().text.empty()) hearing_.question.turns.push_back(std::move(turn));
  }

  void item(const Json& item, const std::string& where) {
    const std::string type = item.is_object() ? text_at(item, "type") : std::string();
    if (type == "function_call") return call(item, where);
    if (type == "function_call_output") return result(item, where);
    if (type == "reasoning") return thoughts(item, where);
    if (!type.empty() && type != "message") return hearing_.refuse(where, "is no message, call or result");
    message(item, where);
  }

  void message(const Json& item, const std::string& where) {
    Turn turn{.where = where};
    hearing_.members(item, where, [&](const std::string& key, const Json& value, const std::string& place) {
      if (key == "role")
        turn.role = hearing_.text(value, place);
      else if (key == "content")
        hear_content(hearing_, turn, value, place);
      else if (key != "type" && key != "id" && key != "status")
        hearing_.unknown(place);
    });
    if (turn.role != "system" && turn.role != "developer" && turn.role != "user" && turn.role != "assistant")
      hearing_.refuse(where, "has a role that is none of system, developer, user and assistant");
    if (turn.role == "assistant") turn.thinking = std::exchange(thinking_, {});
    hearing_.question.turns.push_back(std::move(turn));
  }

  // Calls stand behind the message that makes them, in the same turn.
  void call(const Json& item, const std::string& where) {
    std::vector<Turn>& turns = hearing_.question.turns;
    if (turns.empty() || turns.back().role != "assistant" || !thinking_.empty())
      turns.push_back({.role = "assistant", .thinking = std::exchange(thinking_, {}), .where = where});
    ToolCall call{{}, {}, "{}"};
    hearing_.members(item, where, [&](const std::string& key, const Json& value, const std::string& place) {
      if (key == "call_id")
        call.id = hearing_.text(value, place);
      else if (key == "name")
        call.name = hearing_.text(value, place);
      else if (key == "arguments")
        call.arguments = hearing_.arguments(value, place);
      else if (key != "type" && key != "id" && key != "status")
        hearing_.unknown(place);
    });
    if (call.name.empty()) hearing_.refuse(where, "calls no function by its name");
    turns.back().tool_calls.push_back(std::move(call));
  }

  void result(const Json& item, const std::string& where) {
    Turn turn{.role = "tool", .where = where};
    hearing_.members(item, where, [&](const std::string& key, const Json& value, const std::string& place) {
      if (key == "call_id")
        turn.tool_call_id = hearing_.text(value, place);
      else if (key == "output")
        hear_content(hearing_, turn, value, place);
      else if (key != "type" && key != "id" && key != "status")
        hearing_.unknown(place);
    });
    hearing_.question.turns.push_back(std::move(turn));
  }

  // Of the assistant's next message or call. What is encrypted only its own server reads.
  void thoughts(const Json& item, const std::string& where) {
    hearing_.members(item, where, [&](const std::string& key, const Json& value, const std::string& place) {
      if (key == "summary" || key == "content")
        hearing_.elements(value, place, [&](const Json& part, const std::string&) {
          thinking_ += part.is_object() ? text_at(part, "text") : std::string();
        });
      else if (key != "type" && key != "id" && key != "status")
        hearing_.unknown(place);
    });
  }

  std::string thinking_;  // of the assistant's turn that comes
  Hearing hearing_;
};

}  // namespace

Result<Question> hear_openai_responses(const Json& body) { return ResponsesEar().heard(body); }

}  // namespace tasklane
