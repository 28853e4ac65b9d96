#include "tools/bench/lanes/requests.h"

#include <nlohmann/json.hpp>

#include "tools/demo/prompts.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string request(const std::string& line, const std::string& body, const std::string& more_headers = {}) {
  std::string text = line + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more_headers;
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

std::string ask_chat(const std::string& body, const std::string& more_headers = {}) {
  return request("POST /api/chat", body, more_headers);
}

std::string question(std::size_t number) {
  return "How do I cook dish number " + std::to_string(number) + " for four guests on one small stove?";
}

// Two exchanges, about as long as those of people.
demo::Conversation said(std::size_t number) {
  const std::string advice =
      "Weigh out what you need first, and put on the water. While it warms, cut everything into pieces of "
      "one "
      "size, so that all of it is done at the same time. Salt the water late. Let it rest for ten minutes "
      "with "
      "the lid on before you serve it, and keep a little of the water for the sauce. ";
  return {{question(number), advice + advice + advice}, {"And for eight?", advice + advice}};
}

Json content_of(const std::string& body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object()) return nullptr;
  return Json::parse(answer.value("/message/content"_json_pointer, std::string()), nullptr, false);
}

}  // namespace

std::string task_request(std::size_t number) {
  if (number % 3 == 0) return ask_chat(demo::title_request(model_name, question(number)));
  if (number % 3 == 1) return ask_chat(demo::tags_request(model_name, said(number)));
  return ask_chat(demo::follow_up_request(model_name, said(number)));
}

const char* key_of_task(std::size_t number) {
  return number % 3 == 0 ? "title" : number % 3 == 1 ? "tags" : "follow_ups";
}

std::string chat_request(std::size_t number, std::size_t answer_tokens) {
  Json body = Json::parse(demo::chat_request(model_name, {}, question(number)));
  body["options"] = {{"num_predict", answer_tokens}};
  return ask_chat(body.dump());
}

std::string autocomplete_request(const std::string& typed, const std::string& typist) {
  return ask_chat(demo::autocomplete_request(model_name, typed), "X-OpenWebUI-User-Id: " + typist + "\r\n");
}

std::string version_request() { return request("GET /api/version", {}); }
std::string log_request() { return request("GET /sim/log", {}); }

bool answers_with(const std::string& body, const char* key) {
  const Json content = content_of(body);
  return content.is_object() && content.contains(key);
}

std::string suggestion_of(const std::string& body) {
  const Json content = content_of(body);
  return content.is_object() ? content.value("text", "") : "";
}

}  // namespace tasklane::bench
