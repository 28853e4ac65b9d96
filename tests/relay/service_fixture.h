// A relay in front of a model and of a service of another dialect, by TLS or not.
#pragma once

#include <sys/stat.h>

#include <string>

#include "relay/lanes_fixture.h"
#include "relay/secure_server.h"
#include "support/temporary_folder.h"

namespace tasklane {

inline const std::string key = "sk-test-1234567890";
inline const std::string hosted_title = R"({"title": "Cooking Rice"})";

class AskingAService : public LanesOnTheWire {
 protected:
  AskingAService() { authority_.write(ca_file()); }

  [[nodiscard]] std::string ca_file() const { return (folder_.path() / "ca.pem").string(); }
  [[nodiscard]] std::string key_file(mode_t mode = 0600, const std::string& text = key,
                                     const std::string& name = "key") const {
    const std::string file = folder_.write(name, text + "\n");
    ::chmod(file.c_str(), mode);
    return file;
  }
  // `members`: of an upstream `hosted`, each but the first with a comma in front. Titles and tags go there.
  [[nodiscard]] static std::string with_hosted(const std::string& members,
                                               const std::string& route = R"(["hosted", "model"])") {
    // Else a connection would be opened ahead; a route may say more than its upstreams.
    const std::string at_once = route.find("settle") == std::string::npos ? R"(, "settle": "0s")" : "";
    return R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "hosted": {)" +
           members +
           R"(}}, "rules": [{"name": "tasks", "when": {"class": ["title", "tags"]}, "then": {"route": )" +
           route + at_once + R"(, "lane": "background"}}])";
  }
  // Its authorities, where it is by TLS.
  [[nodiscard]] std::string trusted(const std::string& url) const {
    return url.starts_with("https") ? R"(, "ca_file": ")" + ca_file() + "\"" : "";
  }
  // `more`: further members of the upstream, each with a comma in front.
  [[nodiscard]] std::string with_service(const std::string& url, const std::string& more = "",
                                         const std::string& route = R"(["hosted", "model"])") const {
    const std::string dialect = url.starts_with("https") ? "" : R"(, "dialect": "openai")";
    return with_hosted(R"("url": ")" + url + R"(/v1", "model": "gpt-tiny")" + trusted(url) + dialect + more,
                       route);
  }
  static std::string completion(const std::string& content = hosted_title, const std::string& fields = "") {
    const Json piece{
        {"id", "c1"},
        {"object", "chat.completion.chunk"},
        {"model", "gpt-tiny-0718"},
        {"choices", {{{"index", 0}, {"delta", {{"content", content}}}, {"finish_reason", nullptr}}}}};
    const Json end{{"id", "c1"},
                   {"object", "chat.completion.chunk"},
                   {"model", "gpt-tiny-0718"},
                   {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}},
                   {"usage", {{"prompt_tokens", 100}, {"completion_tokens", 10}, {"total_tokens", 110}}}};
    const std::string body = "data: " + piece.dump() + "\n\ndata: " + end.dump() + "\n\ndata: [DONE]\n\n";
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  struct Asked {
    std::string head;
    Json body;
  };
  static Asked asked(SecurePeer& service) {
    Asked asked{service.until("\r\n\r\n"), {}};
    const auto at = asked.head.find("Content-Length: ");
    if (at != std::string::npos)
      asked.body = Json::parse(service.receive(std::stoul(asked.head.substr(at + 16))));
    return asked;
  }
  // Chats go to `task`, which speaks OpenAI's dialect, and then to the model.
  [[nodiscard]] std::string with_chats(const std::string& more = "") const {
    return R"(, "upstreams": {"model": {"address": "original"}, "hosted": {"url": ")" + task.url() +
           R"(/v1", "model": "gpt-tiny", "dialect": "openai", "allow_off_host_chat": true)" + more +
           R"(}}, "rules": [{"name": "all", "when": {"class": "chat"}, "then": {"route": ["hosted", "model"]}}])";
  }
  static std::string openai_chat(const std::string& text = "Good morning!") {
    return post("/v1/chat/completions",
                R"({"model":"big","stream":true,"messages":[{"role":"user","content":")" + text + R"("}]})");
  }
  // The model server answers the one chat that waits.
  void model_answers_chat(Peer& person) {
    Peer server = model.accept();
    EXPECT_EQ("big", receive_request(server)["model"]);
    server.send(completion("From the model."));
    EXPECT_NE(std::string::npos, person.until("[DONE]\n\n").find("From the model."));
  }
  // The model server answers the one title that waits.
  void model_answers(Peer& person) {
    Peer server = model.accept();
    EXPECT_EQ("big", receive_request(server)["model"]);
    stream_answer(server, R"({"title": "From the model"})");
    EXPECT_EQ(R"({"title": "From the model"})", content_of(receive_answer(person)));
  }

  Authority authority_;
  test::TemporaryFolder folder_;
};

}  // namespace tasklane
