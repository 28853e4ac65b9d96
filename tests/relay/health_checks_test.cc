// Upstreams that are asked whether they are there: what goes wrong with one is found before a task pays for
// it.
#include "relay/service_fixture.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

class HealthChecksOnTheWire : public AskingAService {
 protected:
  [[nodiscard]] std::string to_the_task_model() const {
    return with_rules(
        R"({"name": "tasks", "when": {"class": "title"}, "then": {"route": ["task", "model"], "lane": "background"}})");
  }
  bool becomes(const std::string& health) {
    return eventually([&] { return health_of("task") == health; });
  }
  // The next question, and what it is answered.
  void asked_and_told(const std::string& path, const std::string& reply) {
    Peer question = task.accept();
    const std::string head = question.until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("GET " + path + " HTTP/1.1\r\nHost: " + task.authority() + "\r\n")) << head;
    question.send(reply);
    EXPECT_TRUE(question.sees_close());
  }
};

TEST_F(HealthChecksOnTheWire, ATaskNeverFindsOutThatTheTaskModelHasGone) {
  start(to_the_task_model());
  task.stop();
  ask_after_upstreams();
  ASSERT_TRUE(becomes("down"));
  Peer person = client();
  person.send(title());
  model_answers(person);
  EXPECT_EQ(0, row(RequestClass::title, "task").redirected);
  EXPECT_EQ(1, row(RequestClass::title, "task").failed_over);
}

TEST_F(HealthChecksOnTheWire, ATaskOnItsWayToOneThatHasGoneIsServedByTheNext) {
  start(to_the_task_model());
  Peer person = client();
  person.send(title());
  Peer hung = task.accept();
  EXPECT_EQ("small", receive_request(hung)["model"]);
  task.stop();
  ask_after_upstreams();
  ASSERT_TRUE(becomes("down"));
  model_answers(person);
  EXPECT_TRUE(hung.sees_close());
  EXPECT_EQ(1, row(RequestClass::title, "task").failed_over);
}

TEST_F(HealthChecksOnTheWire, OneThatIsStillLoadingIsPassedOverUntilItIsNot) {
  start(to_the_task_model());
  ask_after_upstreams();
  asked_and_told("/api/version", answer("{}", "", "503 Loading"));
  ASSERT_TRUE(becomes("down"));
  Peer person = client();
  person.send(title("one"));
  model_answers(person);
  EXPECT_FALSE(task.called_within(milliseconds(0)));
  ask_after_upstreams(1500ms);
  asked_and_told("/api/version", answer(R"({"status":"ok"})"));
  ASSERT_TRUE(becomes("up"));
  person.send(title("two"));
  Peer server = task.accept();
  EXPECT_EQ("small", receive_request(server)["model"]);
  stream_answer(server, R"({"title": "Small"})");
  EXPECT_EQ(R"({"title": "Small"})", content_of(receive_answer(person)));
}

TEST_F(HealthChecksOnTheWire, WhatAServerHasIsAskedFromThereOn) {
  start(to_the_task_model());
  ask_after_upstreams();
  asked_and_told("/api/version", answer("404 page not found", "", "404 Not Found"));
  EXPECT_TRUE(eventually([&] {
    ask_after_upstreams();
    return task.called_within(milliseconds(10));
  }));
  asked_and_told("/props", answer(R"({"total_slots":4})"));
  ask_after_upstreams(16s);
  asked_and_told("/props", answer(R"({"total_slots":4})"));
  EXPECT_EQ("up", health_of("task"));
}

TEST_F(HealthChecksOnTheWire, GarbageAnEndlessAnswerAndSilenceAreNone) {
  start(to_the_task_model());
  ask_after_upstreams();
  {
    Peer question = task.accept();
    question.until("\r\n\r\n");
    question.send("\x16\x03\x01 no http\r\n\r\n");
    EXPECT_TRUE(question.sees_close());
  }
  EXPECT_TRUE(eventually([&] {
    ask_after_upstreams(1500ms);
    return task.called_within(milliseconds(10));
  }));
  Peer question = task.accept();
  question.until("\r\n\r\n");
  EXPECT_TRUE(becomes("down")) << "it never answers";
  EXPECT_TRUE(question.sees_close());
}

TEST_F(HealthChecksOnTheWire, AnEndlessAnswerIsCutAndHoldsNothing) {
  start(to_the_task_model());
  ask_after_upstreams();
  Peer question = task.accept();
  question.until("\r\n\r\n");
  question.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
  const std::string piece(64U << 10, 'x');
  for (int i = 0; i < 100; ++i) question.send(piece);
  EXPECT_TRUE(question.sees_close());
  EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
  EXPECT_EQ("up", health_of("task")) << "it has answered, if at length";
}

TEST_F(HealthChecksOnTheWire, WhatNoRuleNamesOrIsSomebodyElsesIsNotAsked) {
  SecureServer hosted(authority_, {});
  start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
        task.url() +
        R"("}}, "rules": [{"name": "tasks", "when": {"class": "title"}, "then": {"lane": "background"}}])");
  ask_after_upstreams();
  EXPECT_FALSE(task.called_within(milliseconds(50)));
}

TEST_F(HealthChecksOnTheWire, AServiceIsAskedWithItsKeyForItsModels) {
  start(with_service(task.url(), R"(, "api_key_file": ")" + key_file() + "\""));
  ask_after_upstreams();
  Peer question = task.accept();
  const std::string head = question.until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("GET /v1/models HTTP/1.1\r\n")) << head;
  EXPECT_NE(std::string::npos, head.find("Authorization: Bearer " + key + "\r\n"));
}

TEST_F(HealthChecksOnTheWire, NothingIsAskedWhileTasklaneIsBypassed) {
  start(to_the_task_model());
  bypass(true);
  ask_after_upstreams();
  EXPECT_FALSE(task.called_within(milliseconds(50)));
  bypass(false);
  ask_after_upstreams();
  asked_and_told("/api/version", answer("{}"));
}

TEST_F(HealthChecksOnTheWire, ASilenceWhileATaskIsOnItsWaySaysNothing) {
  start(to_the_task_model());
  Peer person = client();
  person.send(title());
  Peer server = task.accept();
  receive_request(server);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eventually([&] {
      ask_after_upstreams(3s);
      return task.called_within(milliseconds(10));
    }));
    Peer question = task.accept();
    question.until("\r\n\r\n");
    EXPECT_TRUE(question.sees_close()) << "in time";
  }
  EXPECT_EQ("up", health_of("task"));
  stream_answer(server, R"({"title": "Slow"})");
  EXPECT_EQ(R"({"title": "Slow"})", content_of(receive_answer(person)));
}

TEST_F(HealthChecksOnTheWire, AnAnswerBehindAReloadSaysNothingOfWhatHoldsFromThereOn) {
  start(to_the_task_model());
  ask_after_upstreams();
  Peer question = task.accept();
  question.until("\r\n\r\n");
  reload(to_the_task_model());
  question.send(answer("{}", "", "503 Loading"));
  EXPECT_TRUE(question.sees_close());
  EXPECT_EQ("up", health_of("task"));
}

}  // namespace
}  // namespace tasklane
