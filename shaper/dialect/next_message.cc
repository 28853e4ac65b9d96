#include "shaper/dialect/next_message.h"

#include <array>
#include <string>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

// Of the answer, not of the prompt: Ollama's API ("Parameters", "Advanced parameters"), OpenAI's chat
// completions, and what llama-server and vLLM take beside them.
constexpr std::array<std::string_view, 44> of_the_answer{"stream",
                                                         "stream_options",
                                                         "format",
                                                         "response_format",
                                                         "grammar",
                                                         "grammar_lazy",
                                                         "grammar_triggers",
                                                         "json_schema",
                                                         "guided_json",
                                                         "guided_regex",
                                                         "guided_grammar",
                                                         "guided_choice",
                                                         "structured_outputs",
                                                         "max_tokens",
                                                         "max_completion_tokens",
                                                         "n_predict",
                                                         "num_predict",
                                                         "n",
                                                         "best_of",
                                                         "logprobs",
                                                         "top_logprobs",
                                                         "logit_bias",
                                                         "seed",
                                                         "stop",
                                                         "temperature",
                                                         "top_k",
                                                         "top_p",
                                                         "min_p",
                                                         "typical_p",
                                                         "tfs_z",
                                                         "samplers",
                                                         "mirostat",
                                                         "mirostat_tau",
                                                         "mirostat_eta",
                                                         "repeat_last_n",
                                                         "repeat_penalty",
                                                         "repetition_penalty",
                                                         "presence_penalty",
                                                         "frequency_penalty",
                                                         "penalize_newline",
                                                         "dynatemp_range",
                                                         "dynatemp_exponent",
                                                         "xtc_probability",
                                                         "xtc_threshold"};

void take_from(const OrderedJson& asking, OrderedJson& body) {
  for (const std::string_view key : of_the_answer) {
    body.erase(key);
    if (const auto found = asking.find(key); found != asking.end()) body[std::string(key)] = *found;
  }
}

// Ollama reads most of them in "options".
void take_options_from(const OrderedJson& asking, OrderedJson& body) {
  static const OrderedJson none = OrderedJson::object();
  const OrderedJson* wanted = member(asking, "options");
  OrderedJson* options = member(body, "options");
  if (options == nullptr && wanted == nullptr) return;
  if (options == nullptr || !options->is_object()) options = &(body["options"] = OrderedJson::object());
  take_from(wanted != nullptr && wanted->is_object() ? *wanted : none, *options);
  if (options->empty()) body.erase("options");
}

std::string text_of(const OrderedJson& message) {
  const OrderedJson* content = member(message, "content");
  if (content == nullptr) return {};
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) return {};
  for (const OrderedJson& part : *content)
    if (const OrderedJson* text = part.is_object() ? member(part, "text") : nullptr;
        text != nullptr && text->is_string())
      return text->get<std::string>();
  return {};
}

std::string role_of(const OrderedJson& message) {
  const OrderedJson* role = message.is_object() ? member(message, "role") : nullptr;
  return role != nullptr && role->is_string() ? role->get<std::string>() : std::string();
}

}  // namespace

std::vector<ChatText> texts_of(const OrderedJson& chat) {
  std::vector<ChatText> texts;
  const OrderedJson* messages = member(chat, "messages");
  if (messages == nullptr || !messages->is_array()) return texts;
  for (const OrderedJson& message : *messages) {
    const std::string role = role_of(message);
    if (role != "user" && role != "assistant") continue;
    if (std::string text = text_of(message); !text.empty())
      texts.push_back({role == "user", std::move(text)});
  }
  return texts;
}

std::optional<OrderedJson> with_next_message(OrderedJson chat, std::string_view answer,
                                             std::string_view message, const OrderedJson& asking,
                                             Dialect dialect) {
  OrderedJson* messages = member(chat, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) return std::nullopt;
  const std::string last = role_of(messages->back());
  if (last != "user" && last != "tool") return std::nullopt;
  messages->push_back({{"role", "assistant"}, {"content", answer}});
  messages->push_back({{"role", "user"}, {"content", message}});
  take_from(asking, chat);
  if (is_ollama(dialect)) take_options_from(asking, chat);
  return chat;
}

}  // namespace tasklane
