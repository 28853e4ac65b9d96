// The shape of an answer, asked of servers that refuse it: what is left out, remembered and counted.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string constrained = R"({"lane": "background", "settle": "0s", "constrain": true})";

class Constraining : public LanesOnTheWire {
 protected:
  static void refuse(Peer& server) {
    server.send(answer(R"({"error":"invalid format"})", "", "400 Bad Request"));
  }
  // Which of schema, cap and thinking switch a request carries.
  static std::string carried(const Json& body) {
    return std::string(body.contains("format") ? "s" : "") +
           (body["options"].value("num_predict", 0) == 128 ? "c" : "") + (body.contains("think") ? "t" : "");
  }
  // What the server is asked for this title, the answer to which it gives.
  static std::string asked_for(Peer& person, Peer& server, const std::string& request) {
    person.send(request);
    const std::string what = carried(receive_request(server));
    stream_answer(server, rice);
    receive_answer(person);
    return what;
  }
};

TEST_F(Constraining, AnswersThatTheFrontEndCannotReadAreCounted) {
  start_with(constrained);
  Peer person = client();
  const std::string prose = "A nice title would be Rice.";
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
  person.send(title("And pasta?"));
  EXPECT_EQ("sct", carried(receive_request(server)));
  stream_answer(server, "Well, " + prose);
  EXPECT_EQ("", carried(receive_request(server)));
  stream_answer(server, prose);
  EXPECT_EQ(prose, content_of(receive_answer(person))) << "what the server says when it is asked as it was";
  EXPECT_EQ(2u, counters().json_answers);
  EXPECT_EQ(1u, counters().json_unreadable);
}

TEST_F(Constraining, WhereTheSchemaIsRefusedTheCapAndTheSwitchRemain) {
  start_with(constrained);
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  EXPECT_EQ("sct", carried(receive_request(server)));
  refuse(server);
  EXPECT_EQ(title_body(), receive_request(server)) << "asked once more exactly as the client sent it";
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
  EXPECT_EQ("ct", asked_for(person, server, title("And pasta?"))) << "the refusal was forgotten";
  EXPECT_EQ(1u, counters().constraint_refused);
}

TEST_F(Constraining, WhereAllIsRefusedNothingIsAsked) {
  start_with(constrained);
  Peer person = client();
  person.send(title("What about rice?"));
  Peer server = model.accept();
  for (const std::string expected : {"sct", "ct"}) {
    if (expected == "ct") person.send(title("And noodles?"));
    EXPECT_EQ(expected, carried(receive_request(server)));
    refuse(server);
    EXPECT_EQ("", carried(receive_request(server)));
    stream_answer(server, rice);
    EXPECT_EQ(rice, content_of(receive_answer(person)));
  }
  EXPECT_EQ("", asked_for(person, server, title("And pasta?")));
  EXPECT_EQ(2u, counters().constraint_refused);
}

TEST_F(Constraining, ARequestThatIsWrongInItselfSwitchesNothingOff) {
  start_with(constrained);
  Peer person = client();
  person.send(title("HUGE"));
  Peer server = model.accept();
  for (int asked = 0; asked < 2; ++asked) {
    receive_request(server);
    refuse(server);
  }
  int status = 0;
  EXPECT_EQ("invalid format", receive_answer(person, &status)["error"]);
  EXPECT_EQ(400, status);
  EXPECT_EQ("sct", asked_for(person, server, title("And pasta?")));
}

TEST_F(Constraining, AnotherModelAndAConfigurationReadAgainGetItAnew) {
  start_with(constrained);
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  refuse(server);
  receive_request(server);
  stream_answer(server, rice);
  receive_answer(person);
  Json other = title_body();
  other["model"] = "newer";
  EXPECT_EQ("sct", asked_for(person, server, post("/api/chat", other.dump())));
  reload(with_rules(R"({"name": "tasks", "when": {"class": "title"}, "then": )" + constrained + "}"));
  Peer later = client();
  EXPECT_EQ("sct", asked_for(later, server, title("And pasta?")));
}

TEST_F(Constraining, ACapThatThinkingUsedUpIsLeftOutOnce) {
  start_with(constrained);
  const auto thought = [](Peer& server) {
    server.send(answer(
        R"({"model":"big","message":{"role":"assistant","content":"","thinking":"Well"},"done":true,"done_reason":"length"})"));
  };
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  EXPECT_EQ("sct", carried(receive_request(server)));
  thought(server);
  EXPECT_EQ(title_body(), receive_request(server));
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
  EXPECT_EQ("st", asked_for(person, server, title("And pasta?"))) << "it thinks every time";
  EXPECT_EQ(0u, counters().constraint_refused);
}

// Each asked of a server that puts up with nothing but what the client sent.
TEST_F(Constraining, WhateverTheServerSaysOfARequestThatWasChangedTheClientGetsWhatItSaysOfItsOwn) {
  start_with(constrained);
  const std::vector<std::string> refusals{
      answer(R"({"detail":"response_format"})", "", "422 Unprocessable Entity"),
      answer("oh", "", "500 Internal Server Error"),
      answer("data: {\"error\":{\"message\":\"no grammar\",\"code\":400}}\n\n"),
      answer("event: error\ndata: {\"detail\":\"no\"}\n\n"),
      answer(R"({"error":{"message":"no","code":500}})"),
      answer("data: "
             "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\ndata: "
             "[DONE]\n\n")};
  for (const std::string& refusal : refusals) {
    reload(with_rules(R"({"name": "tasks", "when": {"class": "title"}, "then": )" + constrained + "}"));
    Peer person = client();
    person.send(openai_title(false));
    Peer server = model.accept();
    EXPECT_TRUE(receive_request(server).contains("response_format")) << refusal;
    server.send(refusal);
    const Json again = receive_request(server);
    EXPECT_FALSE(again.contains("response_format")) << refusal;
    EXPECT_FALSE(again.contains("stream_options")) << refusal;
    EXPECT_EQ(false, again["stream"]) << refusal;
    EXPECT_EQ(1000, again["max_tokens"]) << refusal;
    server.send(answer(
        R"({"error":"","code":0,"model":"big","choices":[{"index":0,"message":{"content":"{\"title\":\"Rice\"}"},"finish_reason":"stop"}]})"));
    EXPECT_EQ(R"({"title":"Rice"})", receive_answer(person)["choices"][0]["message"]["content"]) << refusal;
  }
}

TEST_F(Constraining, WhatIsNoFaultOfTheRequestIsToldAtOnce) {
  start_with(constrained);
  Peer person = client();
  for (const std::string said : {"401 Unauthorized", "403 Forbidden", "404 Not Found", "408 Request Timeout",
                                 "429 Too Many Requests"}) {
    person.send(title());
    Peer server = model.accept();
    receive_request(server);
    server.send(answer(R"({"error":"as it is"})", "Connection: close\r\n", said));
    int status = 0;
    EXPECT_EQ("as it is", receive_answer(person, &status)["error"]) << said;
    EXPECT_EQ(std::stoi(said), status);
    server.close();
  }
}

TEST_F(Constraining, JsonAmongTheThoughtsIsFoundThere) {
  start_with(constrained);
  Peer person = client();
  person.send(openai_title(false));
  Peer server = model.accept();
  receive_request(server);
  server.send(answer(
      R"({"model":"big","choices":[{"index":0,"message":{"content":"","reasoning_content":"Well {\"title\":\"Rice\"}"},"finish_reason":"stop"}]})"));
  EXPECT_EQ(R"({"title":"Rice"})", receive_answer(person)["choices"][0]["message"]["content"]);
}

}  // namespace
}  // namespace tasklane
