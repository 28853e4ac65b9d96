// A front end as the classifier sees it: chats and background requests, in the order of time, written as
// bodies of either dialect. Header-only; for tests of the mind.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"

namespace tasklane::testing_support {

using Json = nlohmann::ordered_json;

inline Json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

// A body in Open WebUI's order of keys for a request of its own making.
inline Json task_body(const std::string& prompt) {
  return {{"model", "m"}, {"messages", Json::array({message("user", prompt)})}, {"stream", false}};
}

inline Json chat_body(std::vector<std::pair<std::string, std::string>> messages, bool stream = true) {
  Json body{{"stream", stream}, {"model", "m"}, {"messages", Json::array()}};
  for (const auto& [role, content] : messages) body["messages"].push_back(message(role, content));
  return body;
}

class FrontEnd {
 public:
  explicit FrontEnd(std::vector<std::string> packs = {"open-webui", "librechat"})
      : classifier_(load(packs)) {}

  // The class of a request that is sent now.
  Classification send(const std::string& path, const Json& body, std::vector<HeaderField> headers = {}) {
    return send_bytes(path, body.dump(), std::move(headers));
  }
  Classification send_bytes(const std::string& path, const std::string& body,
                            std::vector<HeaderField> headers = {}) {
    const RequestHead head{"POST", path, std::move(headers)};
    const Endpoint endpoint = endpoint_of(head.method, head.target);
    const bool read = has_prompt(endpoint);
    const BodyFacts* const facts = read ? &reader_.read(body, endpoint.dialect) : nullptr;
    Classification result = classifier_.classify({++last_id_, head, endpoint, facts, client_, now_, true});
    if (answered_at_once_) classifier_.chat_ended(last_id_, now_);
    return result;
  }
  Classification ollama(const Json& body, std::vector<HeaderField> headers = {}) {
    return send("/api/chat", body, std::move(headers));
  }
  Classification responses(const Json& body, std::vector<HeaderField> headers = {}) {
    return send("/v1/responses", body, std::move(headers));
  }
  Classification openai(const Json& body, std::vector<HeaderField> headers = {}) {
    return send("/v1/chat/completions", body, std::move(headers));
  }

  // From now on answers take their time: each ends where ended() says so.
  void takes_time() { answered_at_once_ = false; }
  void ended(RequestId id) { classifier_.ended(id, now_); }
  void wait(Duration time) { now_ += time; }
  void from(std::string client) { client_ = std::move(client); }
  [[nodiscard]] RequestId last_id() const { return last_id_; }
  [[nodiscard]] Time now() const { return now_; }
  Classifier& classifier() { return classifier_; }

 private:
  static Classifier load(const std::vector<std::string>& names) {
    auto packs = find_packs(names, {TASKLANE_SOURCE_DIR "/config/packs"});
    return Classifier(packs.value(), {0.5, 0x5eed, 0xfeed});
  }

  Classifier classifier_;
  BodyReader reader_;
  RequestId last_id_ = 0;
  std::string client_ = "127.0.0.1";
  bool answered_at_once_ = true;
  Time now_{std::chrono::seconds(1000)};
};

}  // namespace tasklane::testing_support
