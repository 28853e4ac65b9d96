// Answers to tasks, which are read whole before their client sees a byte: until they are there, not until the
// server closes; and what is no answer is passed on as the server said it.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

class CollectedAnswers : public LanesOnTheWire {
 protected:
  Peer server_asked_by(Peer& person) {
    start_with(R"({"lane": "background", "settle": "0s", "route": ["model"]})");
    person = client();
    person.send(title());
    Peer server = model.accept();
    receive_request(server);
    return server;
  }
  static std::string chunk(const std::string& bytes) {
    char size[20];
    std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
    return size + bytes + "\r\n";
  }
  const std::string stream_head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
};

TEST_F(CollectedAnswers, EndWithTheirLastLineThoughTheServerStays) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send(stream_head +
              chunk("{\"message\":{\"content\":\"Rice\"},\"done\":true}\n"));  // and no last chunk
  EXPECT_EQ("Rice", content_of(receive_answer(person)));
  EXPECT_TRUE(server.sees_close()) << "a connection is kept whose answer was not read whole";
}

TEST_F(CollectedAnswers, EndWithTheFirstErrorInThem) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send(stream_head + chunk("{\"error\":\"the runner is gone\"}\n"));
  int status = 0;
  const Json said = receive_answer(person, &status);
  EXPECT_EQ(500, status) << "as a server says it that has sent nothing yet";
  EXPECT_NE(std::string::npos, said.dump().find("the runner is gone")) << said;
  EXPECT_TRUE(server.sees_close());
}

TEST_F(CollectedAnswers, LeaveTheConnectionGoodWhereTheMessageEndsRightBehindThem) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send(stream_head + chunk("{\"message\":{\"content\":\"Rice\"},\"done\":true}\n"));
  server.send("0\r\n\r\n");
  EXPECT_EQ("Rice", content_of(receive_answer(person)));
  person.send(title("What is an aardvark?"));
  EXPECT_EQ(true, receive_request(server)["stream"]);
}

TEST_F(CollectedAnswers, AreRefusedWhereTheyDoNotEnd) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send(stream_head);
  const std::string line = chunk("{\"message\":{\"content\":\"" + std::string(1u << 20, 'x') + "\"}}\n");
  std::thread sender([&] {
    for (int times = 0; times < 12; ++times) server.send(line);
  });
  int status = 0;
  receive_answer(person, &status);
  EXPECT_EQ(502, status);
  server.half_close();
  sender.join();
}

TEST_F(CollectedAnswers, AreReadNoFurtherThanOthersLeaveMemoryFor) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  leave_memory(600u << 10);
  server.send(stream_head);
  const std::string piece = chunk("{\"message\":{\"content\":\"" + std::string(200u << 10, 'x') + "\"}}\n");
  server.send(piece);
  EXPECT_TRUE(eventually([&] { return memory_held() > 400u << 10; })) << "what is read of it counts";
  std::thread sender([&] {
    for (int times = 0; times < 2; ++times) server.send(piece);
  });
  int status = 0;
  receive_answer(person, &status);
  EXPECT_EQ(502, status);
  EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
  server.half_close();
  sender.join();
}

TEST_F(CollectedAnswers, WhatIsNoneIsPassedOnWithItsStatusTextAndFields) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send(answer(R"({"error":"full"})",
                     "Retry-After: 7\r\nWWW-Authenticate: Bearer\r\nConnection: X-Hop\r\nX-Hop: "
                     "1\r\nKeep-Alive: timeout=5\r\n",
                     "429 Come Back Later"));
  EXPECT_EQ(
      "HTTP/1.1 429 Come Back Later\r\nContent-Type: application/json\r\nRetry-After: 7\r\nWWW-Authenticate: "
      "Bearer\r\nContent-Length: 16\r\n\r\n{\"error\":\"full\"}",
      person.until("}"));
}

TEST_F(CollectedAnswers, ARedirectIsPassedOnToo) {
  Peer person(-1);
  Peer server = server_asked_by(person);
  server.send("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
            person.until("\r\n\r\n"));
}

// Open WebUI's connections that speak OpenAI's responses.
TEST_F(LanesOnTheWire, ATitleAtResponsesIsAskedAsAStreamAndAnsweredInOneObject) {
  start_with(R"({"lane": "background", "settle": "0s", "constrain": true})");
  Peer tasks = client();
  const nlohmann::ordered_json body{
      {"model", "big"},
      {"input",
       {{{"type", "message"},
         {"role", "user"},
         {"content", {{{"type", "input_text"}, {"text", title_body()["messages"][0]["content"]}}}}}}},
      {"stream", false}};
  tasks.send(post("/v1/responses", body.dump()));
  Peer server = model.accept();
  const Json asked = receive_request(server);
  EXPECT_EQ(true, asked["stream"]);
  EXPECT_EQ("json_schema", asked["text"]["format"]["type"]);
  EXPECT_EQ(128, asked["max_output_tokens"]);
  const Json response{{"id", "resp_1"},
                      {"object", "response"},
                      {"status", "completed"},
                      {"model", "big"},
                      {"output",
                       {{{"type", "message"},
                         {"id", "msg_1"},
                         {"role", "assistant"},
                         {"content", {{{"type", "output_text"}, {"text", R"({"title": "Rice"})"}}}}}}}};
  const std::string events = "event: response.completed\ndata: " +
                             Json{{"type", "response.completed"}, {"response", response}}.dump() + "\n\n";
  server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
              std::to_string(events.size()) + "\r\n\r\n" + events);
  EXPECT_EQ(response, receive_answer(tasks));
}

}  // namespace
}  // namespace tasklane
