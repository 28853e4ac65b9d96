// A request that a rule redirects: what the other server gets, what the client gets back, and who steps in
// when the first choice fails.
#include <nlohmann/json.hpp>

#include "relay/relay_fixture.h"
#include "userspace/wire/answer_relay.h"

namespace tasklane {
namespace {

class Redirecting : public RelayTest {
 protected:
  void start_with_rule(const std::string& upstream_model, const std::string& then) {
    const std::string model_member = upstream_model.empty() ? "" : R"(, "model": ")" + upstream_model + "\"";
    start(
        R"(, "upstreams": {"model": {"address": "original"}, "task": {"url": ")" + task.url() + "\"" +
        model_member +
        R"(}}, "rules": [{"name": "tasks", "when": {"header": {"name": "X-Lane", "equals": "task"}}, "then": )" +
        then + "}]");
  }
  static std::string lane(const std::string& body, const std::string& path = "/api/chat") {
    return post(path, body, "X-Lane: task\r\nAccept-Encoding: gzip\r\n");
  }
  static std::string body_of(const std::string& message) {
    return message.substr(message.find("\r\n\r\n") + 4);
  }
  static std::string receive_request(Peer& server) {
    const std::string head = server.until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    return head + server.receive(std::stoul(head.substr(at + 16)));
  }
};

TEST_F(Redirecting, CarriesTheNewServersAuthorityAndNothingElseChanges) {
  start_with_rule("", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model": "big",  "x": 1})"));
  Peer server = task.accept();
  std::string expected = lane(R"({"model": "big",  "x": 1})");
  const std::string host = "Host: model:11434";
  expected.replace(expected.find(host), host.size(), "Host: " + task.authority());
  EXPECT_EQ(expected, server.receive(expected.size()));
  server.send(answer(R"({"model": "big"})"));
  EXPECT_EQ(answer(R"({"model": "big"})"), person.receive(answer(R"({"model": "big"})").size()));
}

TEST_F(Redirecting, AsksTheTaskModelAndGivesTheAnswerInTheClientsName) {
  start_with_rule("small:1b",
                  R"({"route": ["task"], "patch": {"options": {"num_predict": 256}, "keep_alive": null}})");
  Peer person = client();
  person.send(lane(
      R"({"model":"big","messages":[{"role":"user","content":"hi"}],"options":{"seed":1},"keep_alive":"5m","stream":false})"));
  Peer server = task.accept();
  const std::string request = receive_request(server);
  EXPECT_EQ(
      nlohmann::json::parse(
          R"({"model":"small:1b","messages":[{"role":"user","content":"hi"}],"options":{"seed":1,"num_predict":256},"stream":false})"),
      nlohmann::json::parse(body_of(request)));
  EXPECT_EQ(std::string::npos, request.find("gzip"))
      << "a packed answer could not be given back in the client's name";
  server.send(answer(R"({"model": "small:1b", "message": {"model": "small:1b"}})"));
  const std::string reply = person.until("}}");
  EXPECT_EQ(answer(R"({"model": "big", "message": {"model": "small:1b"}})").substr(0, 15),
            reply.substr(0, 15));
  EXPECT_EQ(R"({"model": "big", "message": {"model": "small:1b"}})", body_of(reply));
  EXPECT_NE(std::string::npos,
            reply.find("Content-Length: " + std::to_string(body_of(reply).size()) + "\r\n"));
  EXPECT_TRUE(eventually([this] { return row(RequestClass::chat, "task").redirected == 1; }));
}

TEST_F(Redirecting, GivesTheClientsModelBackInEveryLineOfAStream) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model":"big","stream":true})"));
  Peer server = task.accept();
  receive_request(server);
  server.send("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n");
  server.send("15\r\n{\"model\":\"small\",\"a\":\r\n4\r\n1}\n{\r\n");
  server.send("11\r\n\"model\":\"small\"}\n\r\n0\r\n\r\n");
  const std::string reply = person.until("0\r\n\r\n");
  EXPECT_NE(std::string::npos, reply.find("{\"model\":\"big\",\"a\":1}\n")) << reply;
  EXPECT_NE(std::string::npos, reply.find("{\"model\":\"big\"}\n")) << reply;
  EXPECT_EQ(std::string::npos, reply.find("small")) << reply;
}

TEST_F(Redirecting, ACutAnswerOfWhichTheClientHasNothingIs502) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model":"big"})"));
  {
    Peer server = task.accept();
    receive_request(server);
    server.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"model\"");
  }
  EXPECT_TRUE(person.rest().starts_with("HTTP/1.1 502 "));
}

TEST_F(Redirecting, AnswersOfAnHttp10ServerAreGivenBackAsHttp11Has) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model":"big","stream":true})"));
  {
    Peer server = task.accept();
    receive_request(server);
    server.send("HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{\"model\":\"small\"}\n");
  }
  EXPECT_EQ(
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n10\r\n{\"model\":\"big\"}\n\r\n0\r\n\r\n",
      person.rest());
}

TEST_F(Redirecting, AChangedAnswerLosesTheDigestsOfTheOldBytes) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(post("/api/chat", R"({"model":"big"})", "X-Lane: task\r\nContent-Digest: sha-256=:x:\r\n"));
  Peer server = task.accept();
  EXPECT_EQ(std::string::npos, receive_request(server).find("Content-Digest"));
  server.send(answer(R"({"model": "small"})", "ETag: \"a\"\r\nContent-MD5: b\r\nRepr-Digest: c\r\n"));
  EXPECT_EQ(answer(R"({"model": "big"})"), person.receive(answer(R"({"model": "big"})").size()));
}

TEST_F(Redirecting, AnAnswerThatIsTooLongToHoldIsPassedOnAsItCame) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model":"big"})"));
  Peer server = task.accept();
  receive_request(server);
  const std::string reply =
      answer(R"({"model": "small", "x": ")" + std::string(AnswerRelay::longest_held, 'x') + "\"}",
             "ETag: \"a\"\r\n");
  std::thread sender([&] { server.send(reply); });
  EXPECT_TRUE(reply == person.receive(reply.size()));
  sender.join();
}

TEST_F(Redirecting, AnAnswerForWhichOthersLeaveNoMemoryIsPassedOnAsItCame) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(lane(R"({"model":"big"})"));
  Peer server = task.accept();
  receive_request(server);
  leave_memory(64u << 10);
  const std::string long_one = answer(R"({"model": "small", "x": ")" + std::string(200u << 10, 'x') + "\"}");
  server.send(long_one);
  EXPECT_TRUE(person.receive(long_one.size()) == long_one);
}

TEST_F(Redirecting, WhatTheRuleDoesNotMatchStaysWithTheModel) {
  start_with_rule("small", R"({"route": ["task"]})");
  Peer person = client();
  person.send(post("/api/chat", R"({"model":"big"})"));
  Peer server = model.accept();
  EXPECT_EQ(post("/api/chat", R"({"model":"big"})"),
            server.receive(post("/api/chat", R"({"model":"big"})").size()));
  EXPECT_FALSE(task.called_within(std::chrono::milliseconds(50)));
}

TEST_F(Redirecting, AServerThatRefusesHandsOverToTheNext) {
  start_with_rule("small", R"({"route": ["task", "model"]})");
  task.stop();
  Peer person = client();
  const std::string request = lane(R"({"model":"big","messages":[{"role":"user","content":"hi"}]})");
  person.send(request);
  Peer server = model.accept();
  EXPECT_EQ(request, server.receive(request.size())) << "the original gets it as it came";
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
  EXPECT_TRUE(eventually([this] { return row(RequestClass::chat, "task").failed_over == 1; }));
}

TEST_F(Redirecting, AServerThatClosesBeforeAnAnswerHandsOverToTheNext) {
  start_with_rule("", R"({"route": ["task", "model"]})");
  Peer person = client();
  person.send(lane("{}"));
  {
    Peer server = task.accept();
    receive_request(server);
  }
  Peer server = model.accept();
  receive_request(server);
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
}

TEST_F(Redirecting, AServerThatAnswersAnErrorHandsOverToTheNextWhileOneIsLeft) {
  start_with_rule("", R"({"route": ["task", "model"]})");
  Peer person = client();
  person.send(lane("{}"));
  Peer first = task.accept();
  receive_request(first);
  first.send(answer(R"({"error":"model 'small' not found"})", "", "404 Not Found"));
  Peer second = model.accept();
  receive_request(second);
  const std::string last_word = answer(R"({"error":"busy"})", "", "503 Service Unavailable");
  second.send(last_word);
  EXPECT_EQ(last_word, person.receive(last_word.size()))
      << "the last server's word is passed on, whatever it is";
}

TEST_F(Redirecting, AfterTheFirstByteOfAnAnswerNobodyStepsIn) {
  start_with_rule("", R"({"route": ["task", "model"]})");
  Peer person = client();
  person.send(lane("{}"));
  {
    Peer server = task.accept();
    receive_request(server);
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    person.until("half\r\n");
  }
  EXPECT_EQ("", person.rest());
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
}

TEST_F(Redirecting, ARouteThatEndsNowhereIs502ThatNamesTheServer) {
  start_with_rule("", R"({"route": ["task"]})");
  task.stop();
  Peer person = client();
  person.send(lane("{}"));
  const std::string reply = person.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 502 ")) << reply;
  EXPECT_NE(std::string::npos, reply.find("'task'")) << reply;
}

}  // namespace
}  // namespace tasklane
