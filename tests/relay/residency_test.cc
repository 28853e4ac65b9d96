// Tasks for another model of the chats' own server: they go there only while it is loaded, and no chat waits
// for the question.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

const std::string both_loaded =
    R"({"models":[{"name":"big:latest","size":9,"size_vram":0},{"name":"small:latest","size":3}]})";
const std::string one_loaded = R"({"models":[{"name":"big:latest","size":9}]})";

class ResidencyOnTheWire : public LanesOnTheWire {
 protected:
  [[nodiscard]] static std::string guarded(const std::string& classes = R"("title")",
                                           const std::string& lane = R"(, "lane": "background")") {
    return R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"},
              "small": {"address": "original", "model": "small", "only_if": "resident"}},
              "rules": [{"name": "tasks", "when": {"class": )" +
           classes + R"(}, "then": {"route": ["small", "model"])" + lane + "}}]";
  }
  // The question which models are loaded, and its answer.
  void told(const std::string& path, const std::string& reply) {
    Peer question = model.accept();
    const std::string head = question.until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("GET " + path + " HTTP/1.1\r\n")) << head;
    question.send(reply);
    EXPECT_TRUE(question.sees_close());
  }
  // Whatever else is asked first is not known there.
  Peer asked_to_generate() {
    for (;;) {
      Peer server = model.accept();
      char first = 0;
      if (::recv(server.descriptor(), &first, 1, MSG_PEEK) != 1 || first != 'G') return server;
      server.until("\r\n\r\n");
      server.send(answer("{}", "", "404 Not Found"));
    }
  }
  void answered_by(const std::string& name, Peer& person) {
    Peer server = asked_to_generate();
    EXPECT_EQ(name, receive_request(server)["model"]);
    stream_answer(server, R"({"title": "Rice"})", name);
    EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  }
};

TEST_F(ResidencyOnTheWire, ATaskGoesToTheModelThatIsLoaded) {
  start(guarded());
  Peer person = client();
  person.send(title());
  told("/api/ps", answer(both_loaded));
  answered_by("small", person);
}

TEST_F(ResidencyOnTheWire, AndElseToThatOfTheChats) {
  start(guarded());
  Peer person = client();
  person.send(title());
  told("/api/ps", answer(one_loaded));
  answered_by("big", person);
  EXPECT_EQ(1, row(RequestClass::title, "small").failed_over);
}

TEST_F(ResidencyOnTheWire, WhatFitsBesideItIsKnownFromBefore) {
  start(guarded());
  Peer person = client();
  person.send(title("one"));
  told("/api/ps", answer(both_loaded));
  answered_by("small", person);
  reload(guarded());  // and is forgotten where somebody may have changed the server
  person.send(title("two"));
  told("/api/ps", answer(one_loaded));
  answered_by("big", person);
}

TEST_F(ResidencyOnTheWire, ALlamaSwapAndARouterSaySoElsewhere) {
  start(guarded());
  Peer person = client();
  person.send(title());
  told("/api/ps", answer("404 page not found", "", "404 Not Found"));
  told("/running", answer(R"({"running":[{"model":"small","state":"ready"}]})"));
  answered_by("small", person);
  reload(guarded());
  person.send(title("two"));
  told("/api/ps", answer("{}", "", "404 Not Found"));
  told("/running", answer("{}", "", "404 Not Found"));
  told("/models", answer(R"({"data":[{"id":"small","status":{"value":"sleeping"}}]})"));
  answered_by("big", person);
}

TEST_F(ResidencyOnTheWire, SeveralTasksAskOnce) {
  start(guarded());
  Peer one = client();
  Peer two = client();
  one.send(title("one"));
  Peer question = model.accept();
  question.until("\r\n\r\n");
  two.send(title("two"));
  EXPECT_FALSE(model.called_within(50ms));
  question.send(answer(both_loaded));
  Peer server = model.accept();
  for (Peer* person : {&one, &two}) {
    EXPECT_EQ("small", receive_request(server)["model"]);
    stream_answer(server, R"({"title": "Rice"})", "small");
    (void)person;
  }
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(one)));
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(two)));
}

struct NoAnswer {
  std::string name;
  std::string bytes;
  bool closes = true;
};
class NoUsefulAnswer : public ResidencyOnTheWire, public testing::WithParamInterface<NoAnswer> {};

TEST_P(NoUsefulAnswer, TheChatsModelServesAndTheNextTaskDoesNotAskAgain) {
  start(guarded());
  Peer person = client();
  person.send(title("one"));
  Peer question = model.accept();
  question.until("\r\n\r\n");
  question.send(GetParam().bytes);
  if (GetParam().closes) question.close();
  answered_by("big", person);
  person.send(title("two"));
  answered_by("big", person);
  EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, NoUsefulAnswer,
    testing::Values(
        NoAnswer{"Nothing", ""}, NoAnswer{"Silence", "", false},
        NoAnswer{"Garbage", "\x16\x03\x01 no http\r\n\r\n"},
        NoAnswer{"HalfOfIt", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"models\":["},
        NoAnswer{"HalfOfItAndSilence", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"models\":[", false},
        NoAnswer{"TooMuch", "HTTP/1.1 200 OK\r\n\r\n{\"models\":[" + std::string(300U << 10, ' '), false}),
    [](const auto& each) { return each.param.name; });

TEST_F(ResidencyOnTheWire, AServerThatDiesBehindItsAnswerIsLeftToTheNext) {
  start(guarded());
  Peer person = client();
  person.send(title());
  told("/api/ps", answer(both_loaded));
  {
    Peer server = model.accept();
    EXPECT_EQ("small", receive_request(server)["model"]);
    server.reset();
  }
  answered_by("big", person);
  EXPECT_TRUE(person.quiet_for(50ms));
}

TEST_F(ResidencyOnTheWire, AnAnswerFullOfModelsIsReadAndBounded) {
  start(guarded());
  Peer person = client();
  person.send(title());
  std::string models;
  for (int i = 0; i < 5000; ++i) models += R"({"name":"m)" + std::to_string(i) + R"("},)";
  told("/api/ps", answer(R"({"models":[)" + models + R"({"name":"small:latest"}]})"));
  answered_by("small", person);
  EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
}

TEST_F(ResidencyOnTheWire, AClientThatLeavesWhileItIsAskedIsGone) {
  start(guarded());
  {
    Peer person = client();
    person.send(title());
    Peer question = model.accept();
    question.until("\r\n\r\n");
    person.close();
    question.send(answer(one_loaded));
    EXPECT_TRUE(question.sees_close());
  }
  EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
  EXPECT_FALSE(model.called_within(50ms));
}

TEST_F(ResidencyOnTheWire, NoChatWaitsForTheQuestion) {
  start(guarded(R"(["chat", "title"])", ""));
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]) << "at once, to what is known to serve";
}

TEST_F(ResidencyOnTheWire, ATaskThatStreamsThroughIsGuardedToo) {
  start(guarded(R"("title")", ""));
  Peer person = client();
  person.send(title());
  told("/api/ps", answer(one_loaded));
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
}

}  // namespace
}  // namespace tasklane
