#include "tools/bench/chat/wire_text.h"

#include <nlohmann/json.hpp>
#include <string_view>

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* model_name = wire_model;
constexpr std::size_t bytes_per_token = 4;
// Tokens that the simulated model counts for the roles around the texts.
constexpr std::size_t system_role = 3;
constexpr std::size_t user_role = 2;
constexpr std::size_t user_and_assistant_role = 6;
constexpr std::size_t end_of_history = 4;

// Three letters and a space for each token, not the same for neighbours.
std::string words(const std::uint32_t* tokens, std::size_t count) {
  static constexpr std::string_view letters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = tokens[i] * 2654435761u >> 8U;
    for (int letter = 0; letter < 3; ++letter, rest /= letters.size()) text += letters[rest % letters.size()];
    text += ' ';
  }
  return text;
}

std::string message_text(const sim::Tokens& said) {
  return words(said.data(), said.size() - std::min(said.size(), user_and_assistant_role));
}

Json message(const char* role, const std::string& text) { return {{"role", role}, {"content", text}}; }

Json chat_body(const Asked& asked, const std::vector<std::string>& answers, Dialect dialect) {
  Json messages = Json::array({message("system", words(asked.prompt.data(), asked.known - system_role))});
  for (std::size_t i = 0; i < asked.said.size(); ++i) {
    messages.push_back(message("user", message_text(asked.said[i])));
    if (i + 1 < asked.said.size()) messages.push_back(message("assistant", answers.at(i)));
  }
  Json body{{"stream", true}, {"model", model_name}, {"messages", messages}};
  if (dialect == Dialect::ollama_chat)
    body["options"] = {{"num_predict", asked.answer_tokens}};
  else
    body["max_tokens"] = asked.answer_tokens;
  return body;
}

struct Template {
  const char* task;
  const char* output;
};

Template template_of(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::title:
      return {"Name this chat by its subject, in two to four words.", R"({ "title": "the name" })"};
    case RequestClass::tags:
      return {"Name one to three subjects of this chat, broad ones first.", R"({ "tags": ["one", "two"] })"};
    case RequestClass::follow_up:
      return {"Guess three messages that this person may send next.",
              R"({ "follow_ups": ["one", "two", "three"] })"};
    default:
      return {"Continue what stands in `<text>`, in the way that `<type>` says.",
              R"({ "text": "how it goes on" })"};
  }
}

std::string history(const Asked& asked, const std::vector<std::string>& answers) {
  std::string text;
  for (std::size_t i = 0; i < asked.said.size(); ++i) {
    text += "USER: " + message_text(asked.said[i]) + "\n";
    const std::size_t turn = asked.unquoted_turns + i;
    if (turn < answers.size()) text += "ASSISTANT: " + answers[turn] + "\n";
  }
  return text + "</chat_history>";
}

// The template, with as many words of guidelines as make it as long as it shall be.
std::string task_prompt(const Asked& asked, const std::vector<std::string>& answers) {
  const bool typing = asked.request_class == RequestClass::autocomplete;
  const auto [task, output] = template_of(asked.request_class);
  const std::string begin = std::string("### Task:\n") + task + "\n### Guidelines:\n- ";
  const std::string end =
      std::string("\n### Output:\nJSON format: ") + output +
      (typing ? "\n### Context:\n<chat_history>\n" : "\n### Chat History:\n<chat_history>\n");
  const std::string type = typing ? "\n<type>general</type>\n<text>" : "";
  const std::size_t around = (typing ? user_role : user_and_assistant_role) + end_of_history;
  const std::size_t tokens = (begin.size() + end.size() + type.size()) / bytes_per_token + around;
  const std::string guidelines = words(asked.prompt.data(), asked.known - std::min(asked.known, tokens));
  std::string text = begin + guidelines + end + history(asked, answers) + type;
  if (typing) text += asked.typed + "</text>\n#### Output:\n";
  return text;
}

std::string content_in(const Json& json, const char* part) {
  if (!json.is_object() || !json.contains("choices") || json["choices"].empty()) return {};
  const Json& choice = json["choices"][0];
  return choice.contains(part) ? choice[part].value("content", "") : "";
}

}  // namespace

std::string wire_request(const Asked& asked, const std::vector<std::string>& answers, Dialect dialect) {
  const std::string body =
      (asked.request_class == RequestClass::chat
           ? chat_body(asked, answers, dialect)
           : Json{{"model", model_name},
                  {"messages", Json::array({message("user", task_prompt(asked, answers))})},
                  {"stream", false}})
          .dump();
  std::string head = std::string("POST ") +
                     (dialect == Dialect::ollama_chat ? "/api/chat" : "/v1/chat/completions") +
                     " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
  if (asked.typist != 0) head += "X-OpenWebUI-User-Id: person " + std::to_string(asked.typist) + "\r\n";
  return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string words_of(const sim::Tokens& answer) { return words(answer.data(), answer.size()); }

std::string streamed_text(const std::string& body) {
  static constexpr std::string_view field = "data: ";
  std::string text;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    const std::string_view line = std::string_view(body).substr(at, end - at);
    if (line.starts_with(field))
      text += content_in(Json::parse(line.substr(field.size()), nullptr, false), "delta");
    at = end + 1;
  }
  return text;
}

std::string task_text(const std::string& body) {
  const Json answer = Json::parse(body, nullptr, false);
  const bool by_ollama = answer.is_object() && answer.contains("message");
  const std::string content =
      by_ollama ? answer["message"].value("content", "") : content_in(answer, "message");
  const Json contract = Json::parse(content, nullptr, false);
  if (!contract.is_object() || contract.empty()) return {};
  const Json& value = contract.front();
  if (value.is_string()) return value.get<std::string>();
  return value.empty() ? "" : value.dump();
}

AnswerLengths simulated_lengths() { return {.title = 5, .tags = 4, .follow_up = 19, .autocomplete = 5}; }

}  // namespace tasklane::bench
