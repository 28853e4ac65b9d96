// Tasks and chats as Open WebUI sends them, and a model server's side of the wire, for tests of the lanes.
#pragma once

#include <nlohmann/json.hpp>

#include "relay/relay_fixture.h"

namespace tasklane {

using Json = nlohmann::json;
using std::chrono::milliseconds;

inline const std::string chat =
    post("/api/chat",
         R"({"model":"big","stream":true,"messages":[{"role":"user","content":"How do I cook rice?"}]})");

inline const std::string long_question =
    "Which evergreen ground covers grow in dry shade under old beech trees?";

inline const std::string rice = R"({"title": "Rice"})";  // what a model answers to a title's request

inline std::string asked_of_model(const std::string& content, bool stream, const std::string& fields = "") {
  return post(
      "/api/chat",
      Json{{"model", "big"}, {"messages", {{{"role", "user"}, {"content", content}}}}, {"stream", stream}}
          .dump(),
      fields);
}

class LanesOnTheWire : public RelayTest {
 protected:
  void start_with(const std::string& then,
                  const std::string& classes = R"(["title", "tags", "follow_up", "autocomplete"])") {
    start(with_rules(R"({"name": "tasks", "when": {"class": )" + classes + R"(}, "then": )" + then + "}"));
  }
  [[nodiscard]] std::string with_rules(const std::string& rules) const {
    return R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
           task.url() + R"(", "model": "small"}}, "rules": [)" + rules + "]";
  }

  // As Open WebUI 0.12 asks Ollama for a title.
  static Json title_body(const std::string& user = "How do I cook rice?") {
    return {{"model", "big"},
            {"messages",
             {{{"role", "user"},
               {"content", title_words + "### Chat History:\n<chat_history>\nUSER: " + user +
                               "\nASSISTANT: \n</chat_history>"}}}},
            {"options", {{"num_predict", 1000}}},
            {"stream", false}};
  }
  static std::string title(const std::string& user = "How do I cook rice?", const std::string& fields = "") {
    return post("/api/chat", title_body(user).dump(), fields);
  }
  // The same of a server that speaks OpenAI's dialect; as a stream, known by its header.
  static std::string openai_title(bool stream) {
    const nlohmann::ordered_json body{
        {"model", "big"}, {"messages", title_body()["messages"]}, {"stream", stream}, {"max_tokens", 1000}};
    return post("/v1/chat/completions", body.dump(), "X-OpenWebUI-Task: title_generation\r\n");
  }
  static std::string typing(const std::string& text, const std::string& typist = "") {
    const std::string fields = typist.empty() ? "" : "X-OpenWebUI-User-Id: " + typist + "\r\n";
    return asked_of_model(
        "### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the "
        "**completion type** in `<type>`.\n### Output\nJSON: { \"text\": \"<your_completion>\" }\n"
        "### Context:\n<chat_history>\n\n</chat_history>\n<type>general</type>  \n<text>" +
            text + "</text>  \n#### Output:\n",
        false, fields);
  }

  static Json receive_request(Peer& server) {
    const std::string head = server.until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return "nothing came";
    return Json::parse(server.receive(std::stoul(head.substr(at + 16))));
  }
  // A whole answer of Ollama, as a stream of two pieces.
  static void stream_answer(Peer& server, const std::string& content, const std::string& model = "big",
                            const Json& figures = {{"eval_count", 7}}) {
    const std::string first =
        Json{{"model", model}, {"message", {{"role", "assistant"}, {"content", content}}}, {"done", false}}
            .dump() +
        "\n";
    Json end{{"model", model},
             {"message", {{"role", "assistant"}, {"content", ""}}},
             {"done", true},
             {"done_reason", "stop"}};
    end.update(figures);
    const std::string last = end.dump() + "\n";
    std::string wire =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string& piece : {first, last}) {
      char size[20];
      std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
      wire += size + piece + "\r\n";
    }
    server.send(wire + "0\r\n\r\n");
  }
  static Json receive_answer(Peer& client, int* status = nullptr) {
    const std::string head = client.until("\r\n\r\n");
    if (status != nullptr) *status = head.size() > 12 ? std::stoi(head.substr(9, 3)) : 0;
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return "nothing came: " + head;
    return Json::parse(client.receive(std::stoul(head.substr(at + 16))));
  }
  static std::string content_of(const Json& answer) {
    return answer.is_object() && answer.contains("message") ? answer["message"].value("content", "")
                                                            : answer.dump();
  }
};

}  // namespace tasklane
