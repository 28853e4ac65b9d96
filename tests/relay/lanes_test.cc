// Tasks in their lanes, on real sockets: what the model server is asked and when, and what each client gets.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

TEST_F(LanesOnTheWire, ATitleIsAskedAsAStreamAndAnsweredAsItsClientAsked) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]);
  stream_answer(server, R"({"title": "Rice"})");
  const Json answer = receive_answer(person);
  EXPECT_EQ(R"({"title": "Rice"})", content_of(answer));
  EXPECT_EQ("big", answer["model"]);
  EXPECT_EQ(true, answer["done"]);
  EXPECT_EQ(7, answer["eval_count"]);
}

// The server was told that it is the last there, and may end the connection without a word (RFC 9112
// section 9.6).
TEST_F(LanesOnTheWire, BehindATaskWhoseClientSaysThatItIsItsLastTheConnectionIsNotUsedAgain) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "0s"})");
  Peer tasks = client();
  tasks.send(title("How do I cook rice?", "Connection: close\r\n"));
  Peer first = model.accept();
  receive_request(first);
  stream_answer(first, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
  Peer person = client();
  person.send(chat);
  Peer second = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(second)["messages"][0]["content"]);
  second.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
}

TEST_F(LanesOnTheWire, ATitleJustBeforeItsChatWaitsUntilTheChatHasBeenAnswered) {
  start_with(R"({"lane": "background", "settle": "300ms", "quiet": "50ms"})");
  Peer tasks = client();
  Peer person = client();
  tasks.send(title());
  std::this_thread::sleep_for(milliseconds(20));
  person.send(chat);
  Peer server = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(server)["messages"][0]["content"])
      << "the chat does not come first";
  EXPECT_FALSE(model.called_within(milliseconds(400))) << "the title did not wait for the chat's end";
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  receive_request(server);  // over the kept connection
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, AChatCancelsARunningTitleWhichIsAskedAgainUnseen) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "20ms"})");
  Peer tasks = client();
  tasks.send(title());
  Peer first = model.accept();
  receive_request(first);
  Peer person = client();
  person.send(chat);
  EXPECT_TRUE(first.sees_close()) << "the title still holds the slot";
  Peer second = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(second)["messages"][0]["content"]);
  second.send(answer("{}"));
  person.receive(answer("{}").size());
  EXPECT_EQ(true, receive_request(second)["stream"]);
  stream_answer(second, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, ATaskThatIsNotToBeCancelledRunsOnBesideTheChat) {
  start_with(R"({"lane": "background", "settle": "0s", "preempt": false})");
  Peer tasks = client();
  tasks.send(title());
  Peer first = model.accept();
  receive_request(first);
  Peer person = client();
  person.send(chat);
  Peer second = model.accept();
  receive_request(second);
  stream_answer(first, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, NobodyWaitsPastTheLongestWait) {
  start_with(R"({"lane": "background", "settle": "0s", "max_wait": "100ms", "slices": false})");
  Peer person = client();
  person.send(chat);
  Peer busy = model.accept();
  receive_request(busy);
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, AHeldTitleWhoseClientLeavesNeverReachesTheModel) {
  start_with(R"({"lane": "background", "settle": "200ms"})");
  Peer tasks = client();
  tasks.send(title());
  std::this_thread::sleep_for(milliseconds(50));
  tasks.close();
  EXPECT_FALSE(model.called_within(milliseconds(400)));
}

TEST_F(LanesOnTheWire, TheNewestTextOfATypistReplacesTheOlder) {
  start_with(R"({"lane": "keystroke", "settle": "0s"})");
  Peer one = client();
  one.send(typing("How do"));
  Peer first = model.accept();
  receive_request(first);
  Peer two = client();
  two.send(typing("How does it"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(one)))
      << "the older request is answered empty at once";
  EXPECT_TRUE(first.sees_close());
  Peer second = model.accept();
  receive_request(second);
  stream_answer(second, R"({"text": " work"})");
  EXPECT_EQ(R"({"text": " work"})", content_of(receive_answer(two)));
}

TEST_F(LanesOnTheWire, TypingAlongASuggestionNeedsNoModel) {
  start_with(R"({"lane": "keystroke"})");
  Peer one = client();
  one.send(typing("How do I", "anna"));
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"text": " cook rice"})");
  EXPECT_EQ(R"({"text": " cook rice"})", content_of(receive_answer(one)));
  one.send(typing("How do I co", "anna"));
  EXPECT_EQ(Json::parse(R"({"text": "ok rice"})"), Json::parse(content_of(receive_answer(one))));
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(LanesOnTheWire, WhileAChatRunsASuggestionIsAnsweredEmptyAtOnce) {
  start_with(R"({"lane": "keystroke"})");
  Peer person = client();
  person.send(chat);
  Peer busy = model.accept();
  receive_request(busy);
  Peer typist = client();
  typist.send(typing("And"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(typist)));
}

TEST_F(LanesOnTheWire, ASuggestionThatComesTooLateIsEmptyAndItsModelIsFree) {
  start_with(R"({"lane": "keystroke", "deadline": "100ms"})");
  Peer typist = client();
  typist.send(typing("And"));
  Peer server = model.accept();
  receive_request(server);
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(typist)));
  EXPECT_TRUE(server.sees_close());
}

TEST_F(LanesOnTheWire, IdenticalRequestsShareOneAnswerEvenWhenTheFirstAskerLeaves) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer one = client();
  one.send(title());
  Peer server = model.accept();
  receive_request(server);
  Peer two = client();
  two.send(title());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
  one.close();
  std::this_thread::sleep_for(milliseconds(20));
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(two)));
}

TEST_F(LanesOnTheWire, AnAutomationThatIsOffIsAnsweredWithoutAModel) {
  start_with(R"({"answer": true})");
  Peer tasks = client();
  tasks.send(typing("And"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(tasks)));
  tasks.send(title());
  EXPECT_NE("", Json::parse(content_of(receive_answer(tasks)))["title"])
      << "an empty title would replace a real one";
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(LanesOnTheWire, ATaskCarriesTheSchemaOfItsAnswerUnlessTheServerRefusesIt) {
  start_with(R"({"lane": "background", "settle": "0s", "constrain": true})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  EXPECT_TRUE(receive_request(server)["format"].is_object());
  server.send(answer(R"({"error":"invalid format"})", "", "400 Bad Request"));
  const Json again = receive_request(server);
  EXPECT_FALSE(again.contains("format"));
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
  tasks.send(title("And pasta?"));
  EXPECT_FALSE(receive_request(server).contains("format")) << "the refusal was forgotten";
}

TEST_F(LanesOnTheWire, ATaskKeepsTheLoadOptionsOfItsChat) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "0s", "align": true})");
  Peer person = client();
  person.send(post(
      "/api/chat",
      R"({"model":"big","stream":true,"options":{"num_ctx":8192},"messages":[{"role":"user","content":"Hello you"}]})"));
  Peer server = model.accept();
  receive_request(server);
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  Peer tasks = client();
  tasks.send(title());
  const Json request = receive_request(server);
  EXPECT_EQ(8192, request["options"]["num_ctx"]);
  EXPECT_EQ(1000, request["options"]["num_predict"]);
}

TEST_F(LanesOnTheWire, PastTheRateARequestIsRejectedInItsDialect) {
  start_with(
      R"({"lane": "background", "settle": "0s", "rate": {"per": "client", "limit": "1/h", "over": "reject"}})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(tasks);
  tasks.send(title("And pasta?"));
  int status = 0;
  EXPECT_TRUE(receive_answer(tasks, &status).contains("error"));
  EXPECT_EQ(429, status);
}

TEST_F(LanesOnTheWire, ATaskServerThatIsDownHandsOverToTheModel) {
  start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "0s"})");
  task.stop();
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

// A title that was asked of a server which fails 1.2 s later, while a chat has the model's only slot.
class BehindAFailedServer : public LanesOnTheWire {
 protected:
  void fail_after_a_while(const std::string& limit) {
    start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "0s", "hold": false,
                   "preempt": false, )" +
               limit + "}");
    tasks_.emplace(client());
    tasks_->send(title());
    Peer failing = task.accept();
    receive_request(failing);
    person_.emplace(client());
    person_->send(chat);
    server_.emplace(model.accept());
    receive_request(*server_);
    std::this_thread::sleep_for(milliseconds(1200));
    failing.send(answer(R"({"error":"out of memory"})", "", "500 Internal Server Error"));
  }
  std::optional<Peer> tasks_, person_, server_;
};

TEST_F(BehindAFailedServer, TheLongestWaitCountsFromTheArrival) {
  fail_after_a_while(R"("max_wait": "1500ms")");
  EXPECT_TRUE(model.called_within(milliseconds(900)));
}

TEST_F(BehindAFailedServer, TheDeadlineCountsFromTheArrival) {
  fail_after_a_while(R"("deadline": "1500ms")");
  const auto failed = std::chrono::steady_clock::now();
  EXPECT_EQ(R"({"title":"How do I cook rice?"})", content_of(receive_answer(*tasks_)));
  EXPECT_LT(std::chrono::steady_clock::now() - failed, milliseconds(900));
}

TEST_F(LanesOnTheWire, TheTaskModelAnswersInTheClientsName) {
  start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "0s"})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = task.accept();
  EXPECT_EQ("small", receive_request(server)["model"]);
  stream_answer(server, R"({"title": "Rice"})", "small");
  EXPECT_EQ("big", receive_answer(tasks)["model"]);
}

TEST_F(LanesOnTheWire, AnErrorOfTheLastServerIsPassedOn) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  server.send(answer(R"({"error":"model 'big' not found"})", "", "404 Not Found"));
  int status = 0;
  EXPECT_EQ("model 'big' not found", receive_answer(tasks, &status)["error"]);
  EXPECT_EQ(404, status);
}

// A template that no pack knows.
const std::string custom_title = asked_of_model(
    "Gib dem Gespraech einen Namen, als {\"title\": \"...\"}.\nUSER: " + long_question + "\nASSISTANT: ",
    false);

TEST_F(LanesOnTheWire, ATitleOfACustomTemplateIsTakenBackForItsChatAndWaitsAsATask) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "50ms"})");
  Peer tasks = client();
  tasks.send(custom_title);
  Peer first = model.accept();
  EXPECT_EQ(false, receive_request(first)["stream"]) << "untouched while it may be a chat";
  Peer person = client();
  person.send(asked_of_model(long_question, true));
  EXPECT_TRUE(first.sees_close()) << "the title still holds the slot";
  Peer second = model.accept();
  EXPECT_EQ(long_question, receive_request(second)["messages"][0]["content"]);
  EXPECT_TRUE(second.quiet_for(milliseconds(100)) && !model.called_within(milliseconds(100)))
      << "the title did not wait for the chat's end";
  second.send(answer("{}"));
  person.receive(answer("{}").size());
  EXPECT_EQ(true, receive_request(second)["stream"]) << "asked as a task";
  stream_answer(second, R"({"title": "Beeches"})");
  EXPECT_EQ(R"({"title": "Beeches"})", content_of(receive_answer(tasks)));
  EXPECT_EQ(1u, counters().gave_way);
  EXPECT_EQ(1u, row(RequestClass::title, "model").answered);
  EXPECT_EQ(1u, row(RequestClass::chat, "model").requests);
}

TEST_F(LanesOnTheWire, WhatMayYetBeATaskOfAChatGoesAtOnce) {
  start_with(R"({"lane": "background", "settle": "10s"})");
  const std::string question =
      asked_of_model("Write me a headline about bread, as JSON {\"title\": \"...\"}", false);
  Peer program = client();
  Peer person = client();
  program.send(question);
  std::this_thread::sleep_for(milliseconds(20));
  person.send(chat);
  Peer first = model.accept();
  EXPECT_EQ(question, first.receive(question.size())) << "it was held";
  Peer second = model.accept();
  receive_request(second);
  const std::string reply = answer(R"({"message":{"content":"{\"title\": \"Crumbs\"}"}})");
  first.send(reply);
  EXPECT_EQ(reply, program.receive(reply.size())) << "no chat quotes it: a chat of its own";
}

TEST_F(LanesOnTheWire, AProgramsQuestionThatNoChatQuotesIsUntouched) {
  start_with(R"({"lane": "background"})");
  const std::string question = asked_of_model("Summarise: the beech is a tree.", false);
  Peer program = client();
  program.send(question);
  Peer server = model.accept();
  EXPECT_EQ(question, server.receive(question.size()));
  const std::string reply = answer(R"({"message":{"content":"A tree."}})");
  server.send(reply);
  EXPECT_EQ(reply, program.receive(reply.size()));
}

TEST_F(LanesOnTheWire, TheSameQuestionAgainIsAnsweredFromTheCache) {
  start_with(R"({"lane": "background", "settle": "0s", "cache": "1m"})");
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  person.send(title());
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  EXPECT_EQ(1u, in_relay([&] { return admission().counters().at(Lane::background).cached; }));
  person.send(title("another question?"));
  receive_request(server);
}

}  // namespace
}  // namespace tasklane
