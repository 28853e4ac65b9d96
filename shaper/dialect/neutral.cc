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

}  // namespace

bool NeutralBody::say(const std::string& key, const Json& value) {
  const auto [place, is_new] = said_.emplace(key, value);
  return is_new || *place == value;
}

bool NeutralBody::messages(const Json& value) { return only_texts(value) && say("messages", value); }

bool NeutralBody::limit(const Json& tokens) {
  return tokens.is_number() && tokens > 0 && say("limit", tokens);
}

bool NeutralBody::format(const Json& schema_or_word) {
  return (schema_or_word.is_object() || schema_or_word == "json") && say("format", schema_or_word);
}

bool NeutralBody::sampler(const std::string& key, const Json& value) {
  if (key == "stop") return say(key, value.is_string() ? Json::array({value}) : value);
  return std::find(samplers.begin(), samplers.end(), key) != samplers.end() && say(key, value);
}

bool NeutralBody::consistent() const {
  return said_.contains("messages") && (!beside_ || said_.contains("think"));
}

std::optional<Json> neutral(const Json& body, Dialect dialect) {
  const auto say = dialect_row(dialect).say;
  if (say == nullptr) return std::nullopt;
  NeutralBody neutral;
  for (const auto& [key, value] : body.items())
    if (!say(neutral, key, value)) return std::nullopt;
  if (!neutral.consistent()) return std::nullopt;
  return neutral.said();
}

}  // namespace tasklane
