// A person's chat that the relay keeps in mind, and the front end's tasks behind it.
#pragma once

#include <optional>

#include "relay/lanes_fixture.h"

namespace tasklane {

class WithAKeptChat : public LanesOnTheWire {
 protected:
  // `kept_for`: what the original upstream is told, "graft" or "rewarm". Titles wait for the chat's end
  // alone.
  void start_keeping(const std::string& kept_for) {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original", ")" + kept_for +
          R"(": true}},
             "rules": [{"name": "tasks", "when": {"class": "title"},
                        "then": {"lane": "background", "settle": "0s", "quiet": "20ms", "slices": false}}])");
    person_.emplace(client());
    tasks_.emplace(client());
  }
  // `figures` stand in its last object. Gives the connection on which it was answered.
  Peer chat_is_answered(const std::string& answer = "With water.",
                        const Json& figures = {{"eval_count", 7}}) {
    person_->send(chat);
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, answer, "big", figures);
    person_->until("0\r\n\r\n");
    return server;
  }
  std::optional<Peer> person_;
  std::optional<Peer> tasks_;
};

}  // namespace tasklane
