// Requests that share one answer, or the same answer again: who asks the model, and what each client gets.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string by_task_then_model =
    R"({"route": ["task", "model"], "lane": "background", "settle": "0s"})";

class Sharing : public LanesOnTheWire {
 protected:
  std::uint64_t coalesced() {
    return in_relay([this] { return admission().counters().at(Lane::background).coalesced; });
  }
  struct Shared {
    Peer one, two, server;
  };
  // Two of the same, the second after the first has reached the server.
  Shared two_titles(Server& at) {
    Peer one = client();
    one.send(title());
    Peer server = at.accept();
    receive_request(server);
    Peer two = client();
    two.send(title());
    EXPECT_TRUE(eventually([&] { return coalesced() == 1u; }));
    return {std::move(one), std::move(two), std::move(server)};
  }
};

TEST_F(Sharing, WhoSharesAFailedHopGoesOnToTheNextAndSharesItsAnswer) {
  start_with(by_task_then_model);
  auto [one, two, failing] = two_titles(task);
  failing.send(answer(R"({"error":"out of memory"})", "", "500 Internal Server Error"));
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
  EXPECT_TRUE(eventually([&] { return coalesced() == 2u; })) << "each asked the model for itself";
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(one)));
  EXPECT_EQ(rice, content_of(receive_answer(two)));
  EXPECT_EQ(2u, row(RequestClass::title, "task").failed_over);
}

TEST_F(Sharing, WhereTheTaskServerIsDownBothAreAnsweredByTheModel) {
  start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "50ms"})");
  task.stop();
  Peer one = client();
  Peer two = client();
  one.send(title());
  two.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(one)));
  EXPECT_EQ(rice, content_of(receive_answer(two)));
}

TEST_F(Sharing, WhereTheFirstAskerLeftAFailedHopTheOthersGoOn) {
  start_with(by_task_then_model);
  auto [one, two, failing] = two_titles(task);
  one.close();
  std::this_thread::sleep_for(milliseconds(20));
  failing.send(answer(R"({"error":"out of memory"})", "", "500 Internal Server Error"));
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(two)));
}

TEST_F(Sharing, WhoFollowsALeaderThatFailsAsksForItself) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  auto [one, two, server] = two_titles(model);
  server.send(answer(R"({"error":"model 'big' not found"})", "", "404 Not Found"));
  int status = 0;
  EXPECT_EQ("model 'big' not found", receive_answer(one, &status)["error"]);
  EXPECT_EQ(404, status);
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(two)));
}

TEST_F(Sharing, NoTenantGetsAnothersAnswer) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer one = client();
  one.send(title());
  Peer server = model.accept();
  receive_request(server);
  std::string with_key = title();
  with_key.insert(with_key.find("\r\n") + 2, "Authorization: Bearer another\r\n");
  Peer two = client();
  two.send(with_key);
  EXPECT_TRUE(two.quiet_for(milliseconds(50)));
  EXPECT_EQ(0u, coalesced());
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(one)));
  receive_request(server);
  stream_answer(server, R"({"title": "Other rice"})");
  EXPECT_EQ(R"({"title": "Other rice"})", content_of(receive_answer(two)));
}

TEST_F(Sharing, ARateIsPaidOnceWhereTheNextServerTakesOver) {
  start_with(
      R"({"route": ["task", "model"], "lane": "background", "settle": "0s", "rate": {"limit": "1/h", "over": "reject"}})");
  task.stop();
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(tasks)));
}

TEST_F(Sharing, BothDialectsAndFramingsShareOneAnswerEachInItsOwn) {
  start_with(R"({"lane": "background", "settle": "0s", "constrain": true})");
  Peer ollama = client();
  ollama.send(title());
  Peer server = model.accept();
  receive_request(server);
  Peer whole = client();
  Peer streamed = client();
  whole.send(openai_title(false));
  streamed.send(openai_title(true));
  ASSERT_TRUE(eventually([&] { return coalesced() == 2u; }));
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(ollama)));
  const Json completion = receive_answer(whole);
  EXPECT_EQ("chat.completion", completion["object"]);
  EXPECT_LT(1'700'000'000, completion["created"]);
  EXPECT_EQ(rice, completion["choices"][0]["message"]["content"]);
  EXPECT_NE(std::string::npos, streamed.until("\r\n\r\n").find("text/event-stream"));
  const std::string event = streamed.until("\n\n");
  EXPECT_EQ(rice, Json::parse(event.substr(6))["choices"][0]["delta"]["content"]);
}

// A server may know one dialect only.
TEST_F(Sharing, AFailureInOneDialectIsNotThatOfAnother) {
  start_with(R"({"lane": "background", "settle": "0s", "constrain": true})");
  Peer ollama = client();
  ollama.send(title());
  Peer server = model.accept();
  receive_request(server);
  Peer openai = client();
  openai.send(openai_title(false));
  ASSERT_TRUE(eventually([&] { return coalesced() == 1u; }));
  server.send(answer(R"({"error":"no such path"})", "", "404 Not Found"));
  EXPECT_EQ("no such path", receive_answer(ollama)["error"]);
  EXPECT_TRUE(receive_request(server).contains("response_format"));
  server.send(answer(
      R"({"choices":[{"index":0,"message":{"content":"{\"title\":\"Rice\"}"},"finish_reason":"stop"}]})"));
  EXPECT_EQ(R"({"title":"Rice"})", receive_answer(openai)["choices"][0]["message"]["content"]);
}

TEST_F(Sharing, WhatTwoRulesPatchDifferentlyIsAskedTwice) {
  start(with_rules(
      R"({"name": "blue", "when": {"class": "title", "header": {"name": "X-Team", "equals": "blue"}},
          "then": {"lane": "background", "settle": "0s", "cache": "1m", "patch": {"options": {"temperature": 0}}}},
         {"name": "others", "when": {"class": "title"},
          "then": {"lane": "background", "settle": "0s", "cache": "1m", "patch": {"options": {"temperature": 1}}}})"));
  Peer person = client();
  person.send(title("How do I cook rice?", "X-Team: blue\r\n"));
  Peer server = model.accept();
  EXPECT_EQ(0, receive_request(server)["options"]["temperature"]);
  stream_answer(server, rice);
  receive_answer(person);
  person.send(title());
  EXPECT_EQ(1, receive_request(server)["options"]["temperature"]) << "answered from the other's cache";
}

TEST_F(Sharing, ARuleThatIsReadAgainWithAnotherPatchGetsANewAnswer) {
  const auto rules = [this](const std::string& patch) {
    return with_rules(
        R"({"name": "t", "when": {"class": "title"}, "then": {"lane": "background", "settle": "0s", "cache": "1m", "patch": )" +
        patch + "}}");
  };
  start(rules(R"({"options": {"temperature": 0}})"));
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, rice);
  receive_answer(person);
  reload(rules(R"({"options": {"temperature": 1}})"));
  Peer again = client();
  again.send(title());
  EXPECT_EQ(1, receive_request(server)["options"]["temperature"]) << "answered from before the change";
}

TEST_F(Sharing, ACachedSuggestionIsKnownWhenItsTypistGoesOn) {
  start_with(R"({"lane": "keystroke", "cache": "1m"})");
  Peer one = client();
  one.send(typing("How do I", "anna"));
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"text": " cook rice"})");
  receive_answer(one);
  Peer again = client();
  again.send(typing("How do I", "anna"));
  receive_answer(again);
  Peer going_on = client();
  going_on.send(typing("How do I co", "anna"));
  EXPECT_EQ("ok rice", Json::parse(content_of(receive_answer(going_on)))["text"]);
  Peer bea = client();
  bea.send(typing("How do I co", "bea"));
  EXPECT_NE("nothing came", receive_request(server)) << "another person asks for themselves";
}

// Where the newer does not replace the older, one answer serves both.
TEST_F(Sharing, WithoutSupersedeTwoEqualKeystrokesShareOneAnswer) {
  start_with(R"({"lane": "keystroke", "quiet": "0s", "supersede": false})");
  Peer one = client();
  one.send(typing("How do", "anna"));
  Peer server = model.accept();
  receive_request(server);
  Peer two = client();
  two.send(typing("How do", "anna"));
  EXPECT_TRUE(eventually([&] {
    return in_relay([this] { return admission().counters().at(Lane::keystroke).coalesced; }) == 1u;
  }));
  stream_answer(server, R"({"text": " I cook rice?"})");
  EXPECT_EQ(R"({"text": " I cook rice?"})", content_of(receive_answer(one)));
  EXPECT_EQ(R"({"text": " I cook rice?"})", content_of(receive_answer(two)));
}

}  // namespace
}  // namespace tasklane
