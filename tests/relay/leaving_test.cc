// Either side goes away: the other learns of it at once, or never notices where it need not.
#include "relay/relay_fixture.h"

namespace tasklane {
namespace {

using Leaving = RelayTest;
const std::string hello =
    post("/api/chat", R"({"model":"m","messages":[{"role":"user","content":"hello"}]})");

TEST_F(Leaving, AClientThatClosesEndsItsRequestUpstreamWhileItWaits) {
  start();
  Peer person = client();
  person.send(hello);
  Peer server = model.accept();
  server.receive(hello.size());
  person.close();
  EXPECT_TRUE(server.sees_close());
}

TEST_F(Leaving, AClientThatResetsEndsItsRequestUpstreamInTheMiddleOfAnAnswer) {
  start();
  Peer person = client();
  person.send(hello);
  Peer server = model.accept();
  server.receive(hello.size());
  server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  person.until("x\r\n");
  person.reset();
  EXPECT_TRUE(server.sees_close());
}

TEST_F(Leaving, AHalfCloseIsACancelForARequestThatGenerates) {
  start();
  Peer person = client();
  person.send(hello);
  Peer server = model.accept();
  server.receive(hello.size());
  person.half_close();
  EXPECT_TRUE(server.sees_close());
  EXPECT_TRUE(eventually([this] { return row(RequestClass::chat, "original").client_gone == 1; }));
}

TEST_F(Leaving, AHalfClosedStatusRequestStillGetsItsAnswer) {
  start();
  Peer person = client();
  person.send("GET /api/version HTTP/1.0\r\n\r\n");
  person.half_close();
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.rest());
}

TEST_F(Leaving, TheClientsConnectionOutlivesAServerThatClosesAfterItsAnswer) {
  start();
  Peer person = client();
  for (int turn = 0; turn < 3; ++turn) {
    person.send(hello);
    Peer server = model.accept();
    EXPECT_EQ(hello, server.receive(hello.size()));
    const std::string reply =
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    server.send(reply);
    server.close();
    EXPECT_EQ(reply, person.receive(reply.size()));
  }
}

// The server's idle time runs out while the request is on its way: it has not read the whole.
TEST_F(Leaving, AKeptConnectionThatTurnsOutClosedIsReplacedUnseen) {
  start();
  Peer person = client();
  person.send(hello);
  Peer first = model.accept();
  first.receive(hello.size());
  first.send(answer("1"));
  person.receive(answer("1").size());

  const std::string long_chat =
      post("/api/chat", R"({"messages":[{"role":"user","content":")" + std::string(24u << 20, 'x') + "\"}]}");
  std::thread sender([&] { person.send(long_chat); });
  EXPECT_EQ(long_chat.substr(0, 1000), first.receive(1000)) << "the connection was not used again";
  first.reset();
  Peer second = model.accept();
  EXPECT_TRUE(long_chat == second.receive(long_chat.size()));
  sender.join();
  second.send(answer("2"));
  EXPECT_EQ(answer("2"), person.receive(answer("2").size()));
  EXPECT_EQ(1u, counters().upstream_reconnects);
}

TEST_F(Leaving, ARequestThatChangesTheServerIsNeverSentTwice) {
  start();
  Peer person = client();
  person.send(hello);
  Peer first = model.accept();
  first.receive(hello.size());
  first.send(answer("1"));
  person.receive(answer("1").size());

  const std::string pull = post("/api/pull", R"({"model":"m"})");
  person.send(pull);
  Peer second = model.accept();
  EXPECT_EQ(pull, second.receive(pull.size())) << "it went over a connection that could have been stale";
  second.close();
  EXPECT_EQ("", person.rest());
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
}

// It may have read it whole, and done it.
TEST_F(Leaving, ARequestThatAKeptConnectionSwallowedIsNotSentAgain) {
  start();
  for (const bool reset : {true, false}) {
    Peer person = client();
    person.send(hello);
    Peer first = model.accept();
    first.receive(hello.size());
    first.send(answer("1"));
    person.receive(answer("1").size());
    person.send(hello);
    EXPECT_EQ(hello, first.receive(hello.size())) << "the connection was not used again";
    if (reset)
      first.reset();
    else
      first.close();
    EXPECT_EQ("", person.rest());
    EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
  }
}

// The server sees the end before it answers: behind an answer that was there first nobody misses it.
TEST_F(Leaving, ARequestAndItsEndInOneBreathGetAnAnswer) {
  start();
  for (int time = 0; time < 20; ++time) {
    Peer person = client();
    person.send("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n");
    person.half_close();
    Peer server = model.accept();
    EXPECT_EQ("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n", server.until("\r\n\r\n"));
    EXPECT_EQ("", server.rest()) << "the half-close was not passed on";
    server.send(answer("{}"));
    EXPECT_EQ(answer("{}"), person.rest());
  }
}

// The end stands behind the last of them, and is passed on behind that.
TEST_F(Leaving, PipelinedRequestsAndTheirEndInOneBreathAreAllAnswered) {
  start();
  const std::string get = "GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n";
  Peer person = client();
  person.send(get + get);
  person.half_close();
  Peer server = model.accept();
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(get, server.until("\r\n\r\n"));
    if (time == 0) {
      EXPECT_TRUE(server.quiet_for(std::chrono::milliseconds(20))) << "half-closed too soon";
    }
    server.send(answer("{}"));
    EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
  }
  EXPECT_EQ("", server.rest());
  EXPECT_EQ("", person.rest());
}

TEST_F(Leaving, AHalfClosedConnectionToAServerIsNotUsedAgain) {
  start();
  Peer person = client();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  person.half_close();
  Peer server = model.accept();
  server.until("\r\n\r\n");
  EXPECT_EQ("", server.rest());
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.rest());
  Peer next = client();
  next.send("GET /y HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer other = model.accept();
  EXPECT_EQ("GET /y HTTP/1.1\r\nHost: m\r\n\r\n", other.until("\r\n\r\n"));
}

TEST_F(Leaving, AnAnswerThatIsResetIsResetForTheClient) {
  start();
  for (const std::string head :
       {"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"}) {
    Peer person = client();
    person.send(hello);
    Peer server = model.accept();
    server.receive(hello.size());
    server.send(head + "half");
    EXPECT_EQ(head + "half", person.receive(head.size() + 4));
    server.reset();
    bool reset = false;
    EXPECT_EQ("", person.rest(&reset));
    EXPECT_TRUE(reset) << "a cut answer looks whole";
  }
}

TEST_F(Leaving, ABadChunkInAnAnswerEndsItInAReset) {
  start();
  Peer person = client();
  person.send(hello);
  Peer server = model.accept();
  server.receive(hello.size());
  const std::string good = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
  server.send(good);
  EXPECT_EQ(good, person.receive(good.size()));
  server.send("nonsense\r\n");
  bool reset = false;
  EXPECT_EQ("", person.rest(&reset));
  EXPECT_TRUE(reset);
  EXPECT_TRUE(server.sees_close());
}

TEST_F(Leaving, AServerThatClosesInTheMiddleIsSeenByTheClient) {
  start();
  Peer person = client();
  person.send(hello);
  {
    Peer server = model.accept();
    server.receive(hello.size());
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  }
  EXPECT_EQ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", person.rest());
}

TEST_F(Leaving, AServerThatClosesWithoutAWordLeavesTheClientWithoutOne) {
  start();
  Peer person = client();
  person.send(hello);
  {
    Peer server = model.accept();
    server.receive(hello.size());
  }
  EXPECT_EQ("", person.rest());
}

TEST_F(Leaving, AnEarlyRefusalOfALargeUploadReachesTheClient) {
  start();
  Peer person = client();
  person.send("POST /api/blobs/sha256:2 HTTP/1.1\r\nHost: m\r\nContent-Length: 100000000\r\n\r\nsome");
  Peer server = model.accept();
  server.until("some");
  const std::string reply = answer("too large", "Connection: close\r\n", "413 Content Too Large");
  server.send(reply);
  EXPECT_EQ(reply, person.rest());
  EXPECT_TRUE(server.sees_close());
}

// The server never says a word, and stays.
class HalfClosed : public RelayTest {
 protected:
  void ends_with_the_relay(const std::string& request) {
    start();
    Peer person = client();
    person.send(request);
    Peer server = model.accept();
    server.until("\r\n\r\n");
    person.half_close();
    EXPECT_TRUE(server.sees_close());
    end();
  }
};

TEST_F(HalfClosed, ARequestWithoutAnAnswerEndsWithTheRelay) {
  ends_with_the_relay("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
}

TEST_F(HalfClosed, ATunnelEndsWithTheRelay) { ends_with_the_relay("no http at all\r\n\r\n"); }

}  // namespace
}  // namespace tasklane
