// Rates, concurrency, deadlines and the cache's end: who is held, answered or refused, and by what.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

class Throttling : public LanesOnTheWire {
 protected:
  void start_with_rate(const std::string& rate) {
    start_with(R"({"lane": "background", "settle": "0s", "rate": )" + rate + "}");
  }
  // One title that the model answers; the connection stays.
  Peer first_of_its_rate() {
    Peer person = client();
    person.send(title());
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, rice);
    receive_answer(person);
    return server;
  }
  static std::string of_model(const std::string& name) {
    Json body = title_body("And pasta?");
    body["model"] = name;
    return post("/api/chat", body.dump());
  }
  static std::string tags() {
    return asked_of_model(
        "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history.\n### Output:\n"
        "JSON format: { \"tags\": [\"tag1\", \"tag2\", \"tag3\"] }\n### Chat History:\n<chat_history>\nUSER: "
        "How do I cook rice?\nASSISTANT: \n</chat_history>",
        false);
  }
  int status_of(const std::string& request) {
    Peer person = client();
    person.send(request);
    int status = 0;
    receive_answer(person, &status);
    return status;
  }
};

TEST_F(Throttling, ARatePerModelIsThatOfEachModel) {
  start_with_rate(R"({"per": "model", "limit": "1/h", "over": "reject"})");
  Peer server = first_of_its_rate();
  EXPECT_EQ(429, status_of(title("And pasta?")));
  Peer other = client();
  other.send(of_model("small"));
  EXPECT_EQ("small", receive_request(server)["model"]);
}

TEST_F(Throttling, ARatePerClassIsThatOfEachClass) {
  start_with_rate(R"({"per": "class", "limit": "1/h", "over": "reject"})");
  Peer server = first_of_its_rate();
  EXPECT_EQ(429, status_of(of_model("small")));
  Peer other = client();
  other.send(tags());
  EXPECT_NE("nothing came", receive_request(server));
}

TEST_F(Throttling, PastItsRateARequestMayBeAnsweredEmpty) {
  start_with_rate(R"({"limit": "1/h", "over": "answer"})");
  first_of_its_rate();
  Peer person = client();
  person.send(tags());
  EXPECT_EQ(R"({"tags":[]})", content_of(receive_answer(person)));
}

TEST_F(Throttling, PastItsRateARequestIsHeldUntilItsTurn) {
  start_with_rate(R"({"limit": "2/s", "over": "hold"})");
  Peer server = first_of_its_rate();
  Peer person = client();
  person.send(title("And pasta?"));
  EXPECT_TRUE(server.quiet_for(milliseconds(200)));
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
}

TEST_F(Throttling, OfAClassNoMoreRunThanItsConcurrencyWhateverTheSlots) {
  start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original", "slots": 4}}, "rules": [
      {"name": "t", "when": {"class": ["title", "tags"]},
       "then": {"lane": "background", "settle": "0s", "concurrency": 1}}])");
  Peer server = first_of_its_rate();  // with whose answer the slots are known
  Peer one = client();
  one.send(title("one?"));
  receive_request(server);
  Peer two = client();
  two.send(title("two?"));
  EXPECT_FALSE(model.called_within(milliseconds(200))) << "two of a class at once";
  Peer other = client();
  other.send(tags());
  Peer beside = model.accept();
  EXPECT_NE("nothing came", receive_request(beside)) << "of another class";
  stream_answer(server, rice);
  receive_request(server);
}

TEST_F(Throttling, ABackgroundTaskThatHasNotStartedByItsDeadlineIsAnsweredEmpty) {
  start_with(R"({"lane": "background", "settle": "0s", "deadline": "100ms"})");
  Peer person = client();
  person.send(chat);
  Peer busy = model.accept();
  receive_request(busy);
  Peer tasks = client();
  tasks.send(tags());
  EXPECT_EQ(R"({"tags":[]})", content_of(receive_answer(tasks)));
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(Throttling, AnAnswerIsKeptForItsTimeAndAFailureNever) {
  start_with(R"({"lane": "background", "settle": "0s", "cache": "300ms"})");
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  server.send(answer(R"({"error":"out of memory"})", "", "500 Internal Server Error"));
  EXPECT_EQ("out of memory", receive_answer(person)["error"]);
  person.send(title());
  receive_request(server);
  server.send(
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"message\":{\"content\":\"Ri\"},\"done\":false}\n");
  server.close();
  int status = 0;
  receive_answer(person, &status);
  EXPECT_EQ(502, status);
  person.send(title());
  Peer next = model.accept();
  receive_request(next);
  stream_answer(next, rice);
  receive_answer(person);
  std::this_thread::sleep_for(milliseconds(320));
  person.send(title());
  EXPECT_NE("nothing came", receive_request(next)) << "answered from the cache past its time";
}

TEST_F(Throttling, KeystrokesWaitForThePauseOfTheirTypist) {
  start_with(R"({"lane": "keystroke", "debounce": "200ms"})");
  Peer one = client();
  Peer two = client();
  one.send(typing("How"));
  std::this_thread::sleep_for(milliseconds(20));
  two.send(typing("How do"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(one)));
  EXPECT_FALSE(model.called_within(milliseconds(100)));
  Peer server = model.accept();
  const Json asked = receive_request(server);
  EXPECT_NE(std::string::npos,
            asked["messages"][0]["content"].get<std::string>().find("<text>How do</text>"));
  stream_answer(server, R"({"text": " I"})");
  EXPECT_EQ(R"({"text": " I"})", content_of(receive_answer(two)));
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(Throttling, ASuggestionThatIsHeldComesWhenTheChatIsAnswered) {
  start_with(R"({"lane": "keystroke", "while_chat": "hold", "quiet": "0s"})");
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  receive_request(server);
  Peer typist = client();
  typist.send(typing("And"));
  EXPECT_FALSE(model.called_within(milliseconds(150)));
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  receive_request(server);
  stream_answer(server, R"({"text": " then"})");
  EXPECT_EQ(R"({"text": " then"})", content_of(receive_answer(typist)));
}

// Routers, filters and people quote chats too.
TEST_F(Throttling, WhatOnlyQuotesAChatGoesAtOnceBesideItAndAsItCame) {
  start_with(R"({"lane": "background", "constrain": true, "rate": {"limit": "1/h", "over": "answer"}})",
             R"("task")");
  Peer person = client();
  person.send(asked_of_model(long_question, true));
  Peer answering = model.accept();
  receive_request(answering);
  const std::string body =
      asked_of_model("Gib einen Namen.\nUSER: " + long_question + "\nASSISTANT: ", false);
  for (int turn = 0; turn < 2; ++turn) {
    Peer router = client();
    router.send(body);
    Peer server = model.accept();
    EXPECT_EQ(body, server.receive(body.size())) << "byte for byte";
    server.send(answer("{}"));
    router.receive(answer("{}").size());
    server.close();
  }
  answering.send(answer("{}"));
  person.receive(answer("{}").size());
}

TEST_F(LanesOnTheWire, WithoutAConfigurationTheOneModelProfileHolds) {
  start_unconfigured();
  Peer tasks = client();
  tasks.send(title());
  std::this_thread::sleep_for(milliseconds(20));
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(server)["messages"][0]["content"]) << "the title settles";
  EXPECT_FALSE(model.called_within(milliseconds(500)));
  Peer typist = client();
  typist.send(typing("And"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(typist))) << "while the chat runs";
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  const Json asked = receive_request(server);  // behind the chat's quiet time
  EXPECT_TRUE(asked.contains("format"));
  EXPECT_EQ(128, asked["options"]["num_predict"]);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(tasks)));
}

}  // namespace
}  // namespace tasklane
