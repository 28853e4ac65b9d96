// A page of another origin that asks the model itself, as browsers do (CORS): what Tasklane puts together, or
// answers in the server's place, may be read by the same pages as what the server answers.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string page = "https://page.example";
const std::string from_page = "Origin: " + page + "\r\n";
const std::string allowed = "Access-Control-Allow-Origin: " + page + "\r\nVary: Origin\r\n";

// An answer of Ollama as one object, with these fields.
std::string titled(const std::string& fields, const std::string& status = "200 OK") {
  const Json body{{"model", "big"},
                  {"message", {{"role", "assistant"}, {"content", rice}}},
                  {"done", true},
                  {"done_reason", "stop"}};
  return answer(body.dump(), fields, status);
}

class OtherOrigins : public LanesOnTheWire {
 protected:
  static constexpr const char* at_once = R"({"lane": "background", "settle": "0s", "quiet": "0s"})";

  // What the client gets: the head, and the body behind it.
  static std::string head_of_answer(Peer& client) {
    const std::string head = client.until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at != std::string::npos) client.receive(std::stoul(head.substr(at + 16)));
    return head;
  }
  // A chat of this page, which the server allows to read its answer.
  void chat_of(Peer& client, const std::string& origin = page) {
    client.send(asked_of_model("How do I cook rice?", true, "Origin: " + origin + "\r\n"));
    Peer server = model.accept();
    receive_request(server);
    server.send(titled("Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n"));
    EXPECT_TRUE(has(head_of_answer(client), "Access-Control-Allow-Origin: " + origin));
    server.close();
  }
  static bool has(const std::string& head, const std::string& line) {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

TEST_F(OtherOrigins, WhatIsPutTogetherCarriesTheServersFieldsButThoseOfItsBytes) {
  start_with(at_once);
  Peer tasks = client();
  tasks.send(title("rice", from_page));
  Peer server = model.accept();
  receive_request(server);
  server.send(titled(allowed + "X-Request-Id: 7\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nETag: \"1\"\r\n" +
                         "Keep-Alive: timeout=5\r\nContent-Digest: sha-256=:x:\r\n",
                     "200 Fine"));
  const std::string head = head_of_answer(tasks);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 Fine\r\n")) << head;
  for (const std::string& line :
       {"Access-Control-Allow-Origin: " + page, std::string("Vary: Origin"), std::string("X-Request-Id: 7"),
        std::string("Date: Fri, 27 Nov 2026 10:00:00 GMT")})
    EXPECT_TRUE(has(head, line)) << line << " in " << head;
  for (const char* gone : {"ETag", "Keep-Alive", "Content-Digest"})
    EXPECT_EQ(head.find(gone), std::string::npos) << gone;
}

TEST_F(OtherOrigins, AnAnswerOfTasklanesOwnSaysWhatTheServerLastSaidToThatPage) {
  start_with(R"({"lane": "background", "answer": true})");
  Peer person = client();
  chat_of(person);
  person.send(title("rice", from_page));
  const std::string head = head_of_answer(person);
  EXPECT_TRUE(has(head, "Access-Control-Allow-Origin: " + page)) << head;
  EXPECT_TRUE(has(head, "Vary: Origin")) << head;
  EXPECT_FALSE(model.called_within(milliseconds(0)));
}

TEST_F(OtherOrigins, APageThatTheServerHasNotAnsweredIsToldNothing) {
  start_with(R"({"lane": "background", "answer": true})");
  Peer person = client();
  chat_of(person);
  for (const char* origin : {"Origin: https://other.example\r\n", ""}) {
    person.send(title("rice", origin));
    EXPECT_EQ(head_of_answer(person).find("Access-Control"), std::string::npos) << origin;
  }
}

TEST_F(OtherOrigins, AnErrorOfTasklanesOwnCanBeReadToo) {
  start_with(R"({"lane": "background", "settle": "0s", "rate": {"limit": "1/h", "over": "reject"}})");
  Peer person = client();
  chat_of(person);
  Peer tasks = client();
  tasks.send(title("rice", from_page));
  Peer server = model.accept();
  receive_request(server);
  server.send(titled(allowed));
  head_of_answer(tasks);
  tasks.send(title("pasta", from_page));
  const std::string head = head_of_answer(tasks);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 429")) << head;
  EXPECT_TRUE(has(head, "Access-Control-Allow-Origin: " + page)) << head;
}

TEST_F(OtherOrigins, WhatAnotherServerAnswersInItsPlaceCanBeRead) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "0s", "route": ["task"]})");
  Peer person = client();
  chat_of(person);
  person.send(title("rice", from_page));
  Peer server = task.accept();
  receive_request(server);
  server.send(titled(""));
  EXPECT_TRUE(has(head_of_answer(person), "Access-Control-Allow-Origin: " + page));
}

TEST_F(OtherOrigins, TwoPagesOfOneBrowserShareNothing) {
  start_with(at_once);
  Peer one = client();
  one.send(title("rice", from_page));
  Peer server = model.accept();
  receive_request(server);
  Peer two = client();
  two.send(title("rice", "Origin: https://other.example\r\n"));
  EXPECT_TRUE(two.quiet_for(milliseconds(50)));
  server.send(titled(allowed));
  EXPECT_TRUE(has(head_of_answer(one), "Access-Control-Allow-Origin: " + page));
  receive_request(server);
  server.send(titled("Access-Control-Allow-Origin: https://other.example\r\n"));
  EXPECT_TRUE(has(head_of_answer(two), "Access-Control-Allow-Origin: https://other.example"));
}

TEST_F(OtherOrigins, APreflightPassesAsItCame) {
  start_with(at_once);
  const std::string preflight = "OPTIONS /api/chat HTTP/1.1\r\nHost: m\r\n" + from_page +
                                "Access-Control-Request-Method: POST\r\n"
                                "Access-Control-Request-Headers: content-type\r\n\r\n";
  Peer browser = client();
  browser.send(preflight);
  Peer server = model.accept();
  EXPECT_EQ(preflight, server.receive(preflight.size()));
  const std::string answered = "HTTP/1.1 204 No Content\r\n" + allowed +
                               "Access-Control-Allow-Methods: POST\r\nAccess-Control-Max-Age: 600\r\n\r\n";
  server.send(answered);
  EXPECT_EQ(answered, browser.receive(answered.size()));
}

}  // namespace
}  // namespace tasklane
