// How many requests a server computes at once: configured, or learnt from llama-server, and in force at once.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string as_llama_server = "Server: llama.cpp\r\n";

class SlotsOnTheWire : public LanesOnTheWire {
 protected:
  static std::string configured(const std::string& upstream) {
    return R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original")" + upstream +
           R"(}}, "rules": [{"name": "tasks", "when": {"class": "title"}, "then":
              {"lane": "background", "settle": "0s", "quiet": "0s", "hold": false, "preempt": false}}])";
  }
  // A chat, answered with these fields.
  void chat_answered(const std::string& fields) {
    if (!person_) person_.emplace(client());
    person_->send(chat);
    if (!server_) server_.emplace(model.accept());
    receive_request(*server_);
    const std::string reply = answer("{}", fields);
    server_->send(reply);
    EXPECT_EQ(reply, person_->receive(reply.size()));
  }
  // The agent's question for the slots, answered so.
  void told(const std::string& path, const std::string& reply) {
    Peer probe = model.accept();
    EXPECT_NE(std::string::npos, probe.until("\r\n\r\n").find("GET " + path + " "));
    probe.send(reply);
    EXPECT_TRUE(probe.sees_close());
  }
  bool takes(unsigned slots) {
    return eventually(
        [&] { return in_relay([&] { return admission().slots(model.authority()); }) == slots; });
  }
  std::optional<Peer> person_;
  std::optional<Peer> server_;
};

TEST_F(SlotsOnTheWire, ConfiguredSlotsAreInForceFromTheFirstRequest) {
  start(configured(R"(, "slots": 2)"));
  Peer first = client();
  Peer second = client();
  first.send(title("one?"));
  second.send(title("two?"));
  Peer one = model.accept();
  Peer two = model.accept();
  EXPECT_EQ(true, receive_request(one)["stream"]);
  EXPECT_EQ(true, receive_request(two)["stream"]) << "nothing was answered yet";
}

TEST_F(SlotsOnTheWire, AReloadChangesThemForWhatWaitsToo) {
  start(configured(""));
  Peer first = client();
  Peer second = client();
  first.send(title("one?"));
  Peer one = model.accept();
  receive_request(one);
  second.send(title("two?"));
  EXPECT_FALSE(model.called_within(milliseconds(50))) << "one slot";
  reload(configured(R"(, "slots": 3, "reserve": 1)"));
  Peer two = model.accept();
  EXPECT_EQ(true, receive_request(two)["stream"]);
  reload(configured(""));
  EXPECT_TRUE(takes(1));
}

TEST_F(SlotsOnTheWire, ALlamaServersSlotsAreLearntAndUsedForTasks) {
  start(configured(""));
  chat_answered(as_llama_server);
  told("/props", answer(R"({"total_slots": 2, "model_path": "m.gguf"})"));
  ASSERT_TRUE(takes(2));
  Peer first = client();
  Peer second = client();
  first.send(title("one?"));
  second.send(title("two?"));
  receive_request(*server_);
  Peer beside = model.accept();
  EXPECT_EQ(true, receive_request(beside)["stream"]) << "two slots take two tasks";
}

TEST_F(SlotsOnTheWire, WhereTheyAreNotSaidTheyAreCounted) {
  start(configured(""));
  chat_answered(as_llama_server);
  told("/props", answer("{}"));
  told("/slots", answer(R"([{"id": 0}, {"id": 1}, {"id": 2}])"));
  EXPECT_TRUE(takes(3));
}

TEST_F(SlotsOnTheWire, AServerThatWantsAKeyIsTakenToHaveOne) {
  start(configured(""));
  chat_answered(as_llama_server);
  told("/props", answer(R"({"total_slots": 4})"));
  ASSERT_TRUE(takes(4));
  person_->send(chat);
  receive_request(*server_);
  server_->close();  // started anew, with a key; it had read the question, so nobody asks it again unasked
  EXPECT_TRUE(person_->sees_close());
  server_.reset();
  person_.reset();
  chat_answered(as_llama_server);
  told("/props", answer("{}", "", "401 Unauthorized"));
  told("/slots", answer("{}", "", "401 Unauthorized"));
  EXPECT_TRUE(takes(1));
}

TEST_F(SlotsOnTheWire, AnotherServerInItsPlaceIsTakenToHaveOne) {
  start(configured(""));
  chat_answered(as_llama_server);
  told("/props", answer(R"({"total_slots": 4})"));
  ASSERT_TRUE(takes(4));
  chat_answered("");
  EXPECT_TRUE(takes(1));
}

}  // namespace
}  // namespace tasklane
