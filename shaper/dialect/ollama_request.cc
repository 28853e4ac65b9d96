#include "shaper/dialect/ollama_request.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

// The place of an image in a text, as Ollama's templates read it.
constexpr std::string_view image_mark = "[img";

// The first letters of a picture's base64, by its kind: a data URL names it.
struct Kind {
  std::string_view begins;
  std::string_view type;
};
constexpr std::array<Kind, 4> kinds{
    {{"iVBORw0K", "image/png"}, {"/9j/", "image/jpeg"}, {"R0lGOD", "image/gif"}, {"UklGR", "image/webp"}}};

class OllamaEar {
 public:
  explicit OllamaEar(bool chat) : chat_(chat) { hearing_.question.stream = true; }

  Result<Question> heard(const Json& body) && {
    hearing_.members(body, "", [&](const std::string& key, const Json& value, const std::string& where) {
      if (!prompt(key, value, where) && !how(key, value, where) && !is_nothing(key, value))
        hearing_.unknown(where);
    });
    prompt_.role = "user";
    system_.role = "system";
    check_marks(prompt_);
    if (!system_.parts.empty()) hearing_.question.turns.push_back(std::move(system_));
    if (!prompt_.parts.empty()) hearing_.question.turns.push_back(std::move(prompt_));
    return std::move(hearing_).heard();
  }

 private:
  bool prompt(const std::string& key, const Json& value, const std::string& where) {
    if (chat_ && key == "messages") {
      hearing_.elements(value, where,
                        [&](const Json& each, const std::string& place) { message(each, place); });
      return true;
    }
    if (chat_) return false;
    if (key == "images") images(prompt_, value, where);
    if (key == "prompt") text_turn(prompt_, value, where);
    if (key == "system") text_turn(system_, value, where);
    return key == "images" || key == "prompt" || key == "system";
  }

  void text_turn(Turn& into, const Json& value, const std::string& where) {
    into.where = where;
    std::string said = hearing_.text(value, where);
    if (!said.empty()) into.parts.push_back({false, std::move(said), where});
  }

  bool how(const std::string& key, const Json& value, const std::string& where) {
    Question& question = hearing_.question;
    if (key == "model")
      question.model = value;
    else if (key == "stream")
      question.stream = value != false;
    else if (key == "format" && value != Json(""))
      hearing_.format(value, where);
    else if (key == "think" && value != Json(""))
      hearing_.think(value, where);
    else if (key == "tools" && chat_)
      hearing_.tools(value, where);
    else if (key == "options")
      hearing_.members(value, where,
                       [&](const std::string& name, const Json& inside, const std::string& place) {
                         option(name, inside, place);
                       });
    else
      return value == Json("") && (key == "format" || key == "think");
    return true;
  }

  void option(const std::string& key, const Json& value, const std::string& where) {
    if (key == "num_predict") {
      // 0 and less: none.
      if (value.is_number() && value <= 0) return hearing_.leave_out();
      return hearing_.limit(value, where);
    }
    // Open WebUI puts them here too, where Ollama overlooks them.
    if (key == "reasoning_effort" || key == "chat_template_kwargs") return hearing_.leave_out();
    if (!hearing_.common(key, value, where)) hearing_.unknown(where);
  }

  // What says nothing, or nothing to Ollama: at the root it reads no limit, and what is over-long is another
  // server's own matter.
  bool is_nothing(const std::string& key, const Json& value) {
    if (key == "num_predict") return value.is_number();
    for (const std::string_view known :
         {"keep_alive", "truncate", "shift", "chat_id", "user", "metadata", "top_logprobs"})
      if (key == known) return hearing_.leave_out(), true;
    const bool nothing = value == false || value == Json("") || (value.is_array() && value.empty());
    for (const std::string_view known :
         {"logprobs", "raw", "suffix", "template", "context", "_debug_render_only"})
      if (key == known && nothing) return hearing_.leave_out(), true;
    return false;
  }

  void message(const Json& message, const std::string& where) {
    Turn turn{.where = where};
    std::optional<Part> text;
    hearing_.members(message, where,
                     [&](const std::string& key, const Json& value, const std::string& place) {
                       if (key == "content")
                         text = Part{false, hearing_.text(value, place), place};
                       else if (key == "images")
                         images(turn, value, place);
                       else if (key == "tool_calls")
                         hearing_.tool_calls(turn, value, place);
                       else if (std::string* const into = text_member(turn, key))
                         *into = hearing_.text(value, place);
                       else
                         hearing_.unknown(place);
                     });
    const auto roles = {"system", "user", "assistant", "tool"};
    if (std::find(roles.begin(), roles.end(), turn.role) == roles.end())
      hearing_.refuse(where, "has a role that is none of system, user, assistant and tool");
    if (text && (turn.parts.empty() || !text->text.empty())) turn.parts.push_back(std::move(*text));
    check_marks(turn);
    hearing_.question.turns.push_back(std::move(turn));
  }

  static std::string* text_member(Turn& turn, std::string_view key) {
    if (key == "role") return &turn.role;
    if (key == "thinking") return &turn.thinking;
    if (key == "tool_name") return &turn.tool_name;
    return key == "tool_call_id" ? &turn.tool_call_id : nullptr;
  }

  // Before the text, as Ollama shows them to the model.
  void images(Turn& turn, const Json& list, const std::string& where) {
    std::vector<Part> pictures;
    hearing_.elements(list, where, [&](const Json& each, const std::string& place) {
      const std::string data = hearing_.text(each, place);
      const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                     [&](const Kind& one) { return data.starts_with(one.begins); });
      if (kind == kinds.end()) return hearing_.refuse(place, "is no PNG, JPEG, GIF or WebP");
      pictures.push_back({true, "data:" + std::string(kind->type) + ";base64," + data, place});
    });
    turn.parts.insert(turn.parts.begin(), pictures.begin(), pictures.end());
  }

  void check_marks(const Turn& turn) {
    const bool any = std::any_of(turn.parts.begin(), turn.parts.end(), [](const Part& p) { return p.image; });
    for (const Part& part : turn.parts)
      if (any && !part.image && part.text.find(image_mark) != std::string::npos)
        hearing_.refuse(part.where, "holds Ollama's mark for the place of an image");
  }

  bool chat_;
  Turn system_;
  Turn prompt_;
  Hearing hearing_;
};

class OllamaMouth {
 public:
  explicit OllamaMouth(const Question& question) : question_(question) {}

  Result<Json> asked() && {
    if (!question_.model.is_null()) body_["model"] = question_.model;
    body_["messages"] = Json::array();
    for (const Turn& turn : question_.turns) body_["messages"].push_back(message(turn));
    body_["stream"] = question_.stream;
    if (question_.format) body_["format"] = question_.format->value;
    if (question_.think) body_["think"] = question_.think->value;
    put_tools();
    Json options = Json::object();
    if (question_.limit) options["num_predict"] = question_.limit->value;
    for (const auto* list : {&question_.samplers, &question_.tuning})
      for (const auto& [name, said] : *list) options[name] = said.value;
    if (!options.empty()) body_["options"] = std::move(options);
    if (problem_) return *problem_;
    return Result<Json>(boost::system::in_place_value, std::move(body_));
  }

 private:
  void refuse(const std::string& where, std::string_view what) {
    if (!problem_) problem_ = cannot_say(where, what);
  }

  Json message(const Turn& turn) {
    Json message = {{"role", turn.role == "developer" ? "system" : turn.role}, {"content", ""}};
    std::string text;
    bool any_text = false;
    std::size_t groups = 0;  // of images, with text between them
    const Part* last = nullptr;
    for (const Part& part : turn.parts) {
      if (part.image) {
        if (last == nullptr || !last->image) ++groups;
        if (groups > 1) refuse(part.where, "stands behind an image and a text, which Ollama cannot say");
        message["images"].push_back(base64(part));
      } else {
        if (std::exchange(any_text, true)) text += '\n';
        text += part.text;
      }
      last = &part;
    }
    if (groups > 0 && text.find(image_mark) != std::string::npos)
      refuse(turn.where, "holds Ollama's mark for the place of an image");
    message["content"] = std::move(text);
    if (!turn.thinking.empty()) message["thinking"] = turn.thinking;
    for (const ToolCall& call : turn.tool_calls) message["tool_calls"].push_back(written(call));
    if (!turn.tool_name.empty()) message["tool_name"] = turn.tool_name;
    if (!turn.tool_call_id.empty()) message["tool_call_id"] = turn.tool_call_id;
    return message;
  }

  static Json written(const ToolCall& call) {
    const auto arguments = parse_object(call.arguments);
    return {{"id", call.id},
            {"function", {{"name", call.name}, {"arguments", arguments ? *arguments : Json::object()}}}};
  }

  std::string base64(const Part& image) {
    constexpr std::string_view mark = ";base64,";
    const std::size_t found = image.text.find(mark);
    if (image.text.starts_with("data:") && found != std::string::npos)
      return image.text.substr(found + mark.size());
    refuse(image.where, "is an image that Ollama would have to fetch");
    return {};
  }

  // With the choice "none" the model is told of no tools.
  void put_tools() {
    if (question_.tool_choice && question_.tool_choice->value == "none") return;
    if (question_.tool_choice)
      refuse(question_.tool_choice->where, "Ollama calls tools as its model chooses");
    if (question_.parallel_calls)
      refuse(question_.parallel_calls->where, "Ollama's model calls as many tools as it likes");
    for (const Tool& tool : question_.tools)
      if (tool.strict.value_or(false)) refuse(tool.where, "Ollama holds no call to its schema");
    if (!question_.tools.empty()) body_["tools"] = written_tools(question_.tools);
  }

  const Question& question_;
  Json body_ = Json::object();
  std::optional<Error> problem_;
};

}  // namespace

Result<Question> hear_ollama_chat(const Json& body) { return OllamaEar(true).heard(body); }
Result<Question> hear_ollama_generate(const Json& body) { return OllamaEar(false).heard(body); }
Result<Json> ask_ollama(const Question& question) { return OllamaMouth(question).asked(); }

}  // namespace tasklane
