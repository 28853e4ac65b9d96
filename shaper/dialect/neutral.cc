#include "shaper/dialect/neutral.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace tasklane {
namespace {

using Json = nlohmann::json;

// The same name and meaning in Ollama's `options` and at the root of OpenAI's bodies.
constexpr std::array<std::string_view, 5> samplers{"temperature", "top_p", "seed", "frequency_penalty",
                                                   "presence_penalty"};

bool only_texts(const Json& messages) {
  return messages.is_array() && std::all_of(messages.begin(), messages.end(), [](const Json& each) {
           return each.is_object() && each.size() == 2 && each.contains("role") && each.contains("content") &&
                  each["content"].is_string();
         });
}

bool is_empty_text(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().empty();
}

// Takes in one member after the other; each says whether it was understood.
class Neutral {
 public:
  [[nodiscard]] const Json& said() const { return said_; }

  bool ollama(const std::string& key, const Json& value) {
    if (key == "messages") return messages(value);
    if (key == "num_predict") return value.is_number();  // at the root it has no effect
    if (key == "format") return is_empty_text(value) || format(value);
    if (key == "think") return value == false && say("think", false);
    if (key != "options" || !value.is_object()) return false;
    return std::all_of(value.items().begin(), value.items().end(), [this](const auto& option) {
      return option.key() == "num_predict" ? limit(option.value()) : sampler(option.key(), option.value());
    });
  }

  bool openai(const std::string& key, const Json& value) {
    if (key == "messages") return messages(value);
    if (key == "max_tokens" || key == "max_completion_tokens") return limit(value);
    if (key == "response_format") return value.is_object() && response_format(value);
    if (key == "reasoning_effort") return value == "none" && say("think", false);
    // Beside the switch above, for servers that know this one only.
    if (key == "chat_template_kwargs") {
      template_switch_ = true;
      return value == Json{{"enable_thinking", false}};
    }
    return sampler(key, value);
  }

  [[nodiscard]] bool consistent() const { return !template_switch_ || said_.contains("think"); }

 private:
  bool say(const std::string& key, const Json& value) {
    const auto [place, is_new] = said_.emplace(key, value);
    return is_new || *place == value;
  }
  bool messages(const Json& value) { return only_texts(value) && say("messages", value); }
  bool limit(const Json& value) { return value.is_number() && value > 0 && say("limit", value); }
  bool format(const Json& value) { return (value.is_object() || value == "json") && say("format", value); }
  bool sampler(const std::string& key, const Json& value) {
    if (key == "stop") return say(key, value.is_string() ? Json::array({value}) : value);
    return std::find(samplers.begin(), samplers.end(), key) != samplers.end() && say(key, value);
  }
  bool response_format(const Json& value) {
    const Json type = value.value("type", Json());
    if (type == "text") return value.size() == 1;
    if (type == "json_object") return value.size() == 1 && format("json");
    const Json named = value.value("json_schema", Json());
    if (type != "json_schema" || value.size() != 2 || !named.is_object()) return false;
    for (const auto& [key, unused] : named.items())
      if (key != "name" && key != "strict" && key != "schema") return false;
    return named.contains("schema") && format(named["schema"]);
  }

  Json said_ = Json::object();
  bool template_switch_ = false;
};

}  // namespace

std::optional<Json> neutral(const Json& body, Dialect dialect) {
  if (dialect != Dialect::ollama_chat && dialect != Dialect::openai_chat) return std::nullopt;
  Neutral neutral;
  for (const auto& [key, value] : body.items())
    if (!(is_ollama(dialect) ? neutral.ollama(key, value) : neutral.openai(key, value))) return std::nullopt;
  if (!neutral.consistent() || !neutral.said().contains("messages")) return std::nullopt;
  return neutral.said();
}

}  // namespace tasklane
