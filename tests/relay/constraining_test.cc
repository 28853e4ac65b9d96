// The shape of an answer, asked of servers that refuse it: what is left out, remembered and counted.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string rice = R"({"title": "Rice"})";
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
  for (const std::string& said : {rice, std::string("A nice title would be Rice.")}) {
    person.send(title(said));
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, said);
    EXPECT_EQ(said, content_of(receive_answer(person)));
  }
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
  EXPECT_EQ("ct", carried(receive_request(server)));
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
  EXPECT_EQ("ct", asked_for(person, server, title("And pasta?"))) << "the refusal was forgotten";
  EXPECT_EQ(1u, counters().constraint_refused);
}

TEST_F(Constraining, WhereAllIsRefusedNothingIsAsked) {
  start_with(constrained);
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  for (const std::string expected : {"sct", "ct"}) {
    EXPECT_EQ(expected, carried(receive_request(server)));
    refuse(server);
  }
  EXPECT_EQ("", carried(receive_request(server)));
  stream_answer(server, rice);
  EXPECT_EQ(rice, content_of(receive_answer(person)));
  EXPECT_EQ("", asked_for(person, server, title("And pasta?")));
  EXPECT_EQ(2u, counters().constraint_refused);
}

TEST_F(Constraining, ARequestThatIsWrongInItselfSwitchesNothingOff) {
  start_with(constrained);
  Peer person = client();
  person.send(title("HUGE"));
  Peer server = model.accept();
  for (int asked = 0; asked < 3; ++asked) {
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
  const Json again = receive_request(server);
  EXPECT_EQ("st", carried(again));
  EXPECT_EQ(1000, again["options"]["num_predict"]) << "the client's own limit";
  thought(server);
  EXPECT_EQ("", content_of(receive_answer(person)));
  EXPECT_EQ("st", asked_for(person, server, title("And pasta?"))) << "it thinks every time";
  EXPECT_EQ(0u, counters().constraint_refused);
}

}  // namespace
}  // namespace tasklane
