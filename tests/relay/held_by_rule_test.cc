// Somebody's batch job that a rule puts into the background: it waits for chats, passes byte for byte, and is
// cancelled and sent again while no byte of an answer has been passed on.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

const std::string job_request = asked_of_model("Label this: rice", true, "X-Job: labels\r\n");
const std::string stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

class HeldByRule : public LanesOnTheWire {
 protected:
  void SetUp() override {
    LanesOnTheWire::SetUp();
    start(with_rules(R"({"name": "job", "when": {"header": {"name": "X-Job"}},
                         "then": {"lane": "background", "settle": "0s", "quiet": "0s"}})"));
  }
  // A chat that the model is answering.
  Peer chat_at(Peer& page) {
    page.send(chat);
    Peer server = model.accept();
    receive_request(server);
    return server;
  }
};

TEST_F(HeldByRule, AStreamedChatOfItsWaitsForAChatAndPassesAsItCame) {
  Peer page = client();
  Peer answering = chat_at(page);
  Peer job = client();
  job.send(job_request);
  EXPECT_FALSE(model.called_within(milliseconds(80))) << "it was sent beside the chat";
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
  const Json asked = receive_request(answering);  // over the connection that the chat left
  EXPECT_EQ(asked["stream"], true);
  EXPECT_EQ(asked["messages"][0]["content"], "Label this: rice");
  stream_answer(answering, "food");
  EXPECT_NE(job.until("0\r\n\r\n").find("food"), std::string::npos);
}

TEST_F(HeldByRule, IsCancelledForAChatAndSentAgainWhileNothingWasPassedOn) {
  Peer job = client();
  job.send(job_request);
  Peer first = model.accept();
  receive_request(first);
  Peer page = client();
  Peer answering = chat_at(page);
  EXPECT_TRUE(first.sees_close());
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
  receive_request(answering);
  stream_answer(answering, "food");
  EXPECT_NE(job.until("0\r\n\r\n").find("food"), std::string::npos);
}

TEST_F(HeldByRule, RunsToItsEndOnceAByteWasPassedOn) {
  Peer job = client();
  job.send(job_request);
  Peer server = model.accept();
  receive_request(server);
  server.send(stream_head + "6\r\n{\"a\":1\r\n");
  job.until("{\"a\":1");
  Peer page = client();
  Peer answering = chat_at(page);
  EXPECT_TRUE(server.quiet_for(milliseconds(50))) << "it was cancelled though its client has read of it";
  server.send("1\r\n}\r\n0\r\n\r\n");
  job.until("0\r\n\r\n");
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
}

TEST_F(HeldByRule, AClientThatLeavesWhileItWaitsIsForgotten) {
  Peer page = client();
  Peer answering = chat_at(page);
  Peer job = client();
  job.send(job_request);
  EXPECT_TRUE(eventually([this] { return in_relay([this] { return admission().waiting(); }) == 1u; }));
  job.close();
  EXPECT_TRUE(eventually([this] { return in_relay([this] { return admission().waiting(); }) == 0u; }));
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
}

TEST_F(HeldByRule, LeavesEverybodyElsesChatsAlone) {
  Peer page = client();
  Peer answering = chat_at(page);
  Peer other = client();
  other.send(asked_of_model("Another question", true));
  Peer server = model.accept();
  EXPECT_EQ(receive_request(server)["messages"][0]["content"], "Another question");
  stream_answer(server, "At once.");
  other.until("0\r\n\r\n");
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
}

TEST_F(HeldByRule, BypassedItGoesAtOnceAndAsItCame) {
  reload(with_rules(R"({"name": "job", "when": {"header": {"name": "X-Job"}},
                        "then": {"lane": "background", "settle": "0s", "route": ["task"], "patch": {"a": 1}}})"));
  Peer page = client();
  Peer answering = chat_at(page);
  Peer job = client();
  job.send(job_request);
  EXPECT_TRUE(eventually([this] { return in_relay([this] { return admission().waiting(); }) == 1u; }));
  bypass(true);
  Peer server = model.accept();
  const Json asked = receive_request(server);
  EXPECT_EQ(asked["model"], "big");
  EXPECT_FALSE(asked.contains("a"));
  stream_answer(server, "food");
  EXPECT_NE(job.until("0\r\n\r\n").find("food"), std::string::npos);
  EXPECT_FALSE(task.called_within(milliseconds(0)));
  stream_answer(answering, "Slowly.");
  page.until("0\r\n\r\n");
}

}  // namespace
}  // namespace tasklane
