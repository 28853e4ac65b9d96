#include "tools/modelsim/answer_text.h"

#include <array>
#include <random>
#include <string_view>

namespace tasklane::sim {
namespace {

constexpr std::array<std::string_view, 24> words{"rice",   "water",  "heat",  "slowly", "simmer", "until",
                                                 "tender", "rest",   "then",  "stir",   "gently", "with",
                                                 "a",      "little", "salt",  "and",    "serve",  "warm",
                                                 "in",     "the",    "small", "pot",    "for",    "minutes"};

struct Contract {
  std::string_view key;
  bool is_list;
};
constexpr std::array<Contract, 7> contracts{{{"title", false},
                                             {"tags", true},
                                             {"follow_ups", true},
                                             {"queries", true},
                                             {"text", false},
                                             {"prompt", false},
                                             {"tool_calls", true}}};

using Random = std::mt19937_64;

std::string phrase(Random& random, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += words[random() % words.size()];
  }
  return text;
}

std::string json_answer(std::string_view key, bool is_list, Random& random) {
  std::string out = "{\"" + std::string(key) + "\": ";
  if (!is_list) return out + "\"" + phrase(random, 4) + "\"}";
  if (key == "tool_calls") return out + "[]}";
  out += '[';
  for (int i = 0; i < 3; ++i) out += (i == 0 ? "\"" : ", \"") + phrase(random, key == "tags" ? 1 : 6) + "\"";
  return out + "]}";
}

// The JSON key that the prompt asks for, in its last quoted form.
const Contract* contract_of(std::string_view prompt) {
  const Contract* found = nullptr;
  std::size_t at = 0;
  for (const Contract& contract : contracts) {
    const auto place = prompt.find("\"" + std::string(contract.key) + "\":");
    if (place == std::string_view::npos || (found != nullptr && place > at)) continue;
    found = &contract;
    at = place;
  }
  return found;
}

std::vector<std::string> in_tokens(const std::string& text) {
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find(' ', begin + 1);
    if (end == std::string::npos) end = text.size();
    tokens.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return tokens;
}

}  // namespace

std::vector<std::string> answer_to(const GenerationRequest& request, const AnswerStyle& style) {
  Random random(style.seed ^ std::hash<std::string>{}(request.last_user_text));
  if (!request.schema_key.empty())
    return in_tokens(json_answer(request.schema_key, request.schema_is_list, random));
  const Contract* contract = contract_of(request.last_user_text);
  if (contract != nullptr && !style.prose)
    return in_tokens(json_answer(contract->key, contract->is_list, random));
  return in_tokens(phrase(random, style.chat_tokens));
}

}  // namespace tasklane::sim
