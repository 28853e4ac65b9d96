// What no rule touches goes through as if nobody stood in between: byte for byte, in both directions.
#include "relay/relay_fixture.h"

namespace tasklane {
namespace {

using PassingThrough = RelayTest;

TEST_F(PassingThrough, ForwardsOddHeadersAndTheAnswerByteForByte) {
  start();
  Peer person = client();
  const std::string request =
      "POST /api/chat?x=1 HTTP/1.1\r\nhOsT: Model\r\nX-b:  two  spaces \r\nx-B:\tagain\r\nCONTENT-length: "
      "2\r\nX-Empty:\r\n\r\n{}";
  person.send(request);
  Peer server = model.accept();
  EXPECT_EQ(request, server.receive(request.size()));
  const std::string reply =
      "HTTP/1.1 200 Fine By Me\r\nsErVeR: x\r\nContent-Length: 3\r\nX-Z: 1\r\nX-A: 2\r\n\r\nabc";
  server.send(reply);
  EXPECT_EQ(reply, person.receive(reply.size()));
}

TEST_F(PassingThrough, AChatOfTheRealDialectsIsUntouched) {
  start(R"(, "packs": ["open-webui"])");
  Peer person = client();
  const std::string request =
      post("/v1/chat/completions",
           R"({"stream": true, "model": "m", "messages": [{"role": "user", "content": "### Task:\nhi"}]})");
  person.send(request);
  Peer server = model.accept();
  EXPECT_EQ(request, server.receive(request.size()));
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
  EXPECT_TRUE(eventually([this] { return row(RequestClass::chat, "original").requests == 1; }));
}

TEST_F(PassingThrough, KeepsTheConnectionForTheNextRequest) {
  start();
  Peer person = client();
  for (int turn = 0; turn < 3; ++turn) {
    person.send(post("/api/chat", "{\"turn\": " + std::to_string(turn) + "}"));
    if (turn == 0) {
      Peer server = model.accept();
      for (int again = 0; again < 3; ++again) {
        const std::string expected = post("/api/chat", "{\"turn\": " + std::to_string(again) + "}");
        EXPECT_EQ(expected, server.receive(expected.size()));
        server.send(answer("{}"));
        EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
        if (again < 2) person.send(post("/api/chat", "{\"turn\": " + std::to_string(again + 1) + "}"));
      }
      break;
    }
  }
  EXPECT_EQ(1u, counters().connections);
}

TEST_F(PassingThrough, ChunksAndTrailersStayAsTheyAreBothWays) {
  start();
  Peer person = client();
  const std::string request =
      "POST /api/chat HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "3;note=\"a\"\r\n{\"m\r\n00A\r\nodel\":\"x\"}\r\n0\r\nX-Sum: 1\r\n\r\n";
  person.send(request.substr(0, 100));
  person.send(request.substr(100));
  Peer server = model.accept();
  EXPECT_EQ(request, server.receive(request.size()));
  const std::string reply =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0006;x\r\n world\r\n0\r\nX-End: "
      "yes\r\n\r\n";
  for (const char byte : reply) server.send(std::string_view(&byte, 1));
  EXPECT_EQ(reply, person.receive(reply.size()));
  // The connection is still good.
  person.send("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n");
  EXPECT_EQ("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n", server.until("\r\n\r\n"));
}

TEST_F(PassingThrough, AConnectionFieldInAFormThatServersTakeIsNotRefused) {
  start();
  Peer person = client();
  Peer server(-1);
  bool called = false;
  for (const std::string field : {"Connection: Keep-Alive; timeout=5", "Proxy-Connection: a b",
                                  "Connection: \"x\"", "Connection: keep-alive,"}) {
    const std::string request = "GET /api/version HTTP/1.1\r\nHost: m\r\n" + field + "\r\n\r\n";
    person.send(request);
    if (!std::exchange(called, true)) server = model.accept();
    EXPECT_EQ(request, server.receive(request.size()));
    const std::string reply = answer("{}", "Connection: Keep-Alive; timeout=5\r\n");
    server.send(reply);
    EXPECT_EQ(reply, person.receive(reply.size()));
  }
}

// In two segments too, and they are no protocol of another kind.
TEST_F(PassingThrough, AnEmptyLineBeforeARequestIsPassedOver) {
  start();
  Peer person = client();
  person.send("\r");
  while (counters().connections == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a segment of its own
  person.send("\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer server = model.accept();
  EXPECT_EQ("GET /x HTTP/1.1\r\nHost: m\r\n\r\n", server.until("\r\n\r\n"));
  EXPECT_EQ(0u, counters().tunnels);
}

TEST_F(PassingThrough, OneByteChunksCountAsWhatTheyAreOnTheWire) {
  start(R"(, "limits": {"max_body": "64KiB"})");
  Peer person = client();
  std::string request = "POST /api/chat HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int chunk = 0; chunk < 60000; ++chunk) request += "1\r\nx\r\n";
  request += "0\r\n\r\n";
  person.send(request);
  Peer server = model.accept();
  EXPECT_TRUE(request == server.receive(request.size()));
  EXPECT_EQ(1u, counters().unclassified_large);
}

TEST_F(PassingThrough, InterimAnswersAreKeptFromAClientThatSpeaksHttp10) {
  start();
  Peer person = client();
  person.send("GET /x HTTP/1.0\r\nHost: m\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("{}"));
  EXPECT_EQ(answer("{}"), person.rest());
}

TEST_F(PassingThrough, BehindAnAnsweredConnectIsATunnel) {
  start();
  Peer person = client();
  person.send("CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply = "HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n";
  server.send(reply + "raw");
  EXPECT_EQ(reply + "raw", person.receive(reply.size() + 3));
  person.send("\x16\x03 no request\r\n\r\n");
  EXPECT_EQ("\x16\x03 no request\r\n\r\n", server.receive(17));
  server.half_close();
  EXPECT_EQ("", person.rest());
}

TEST_F(PassingThrough, ATunnelTriesEachAddressOfAName) {
  // Where the host's name table has both, "localhost" is ::1 first, and there nobody listens.
  Server local(htonl(INADDR_LOOPBACK));
  original = "http://localhost:" + std::to_string(local.port());
  start();
  Peer person = client();
  person.send("* no http\r\n");
  Peer server = local.accept();
  EXPECT_EQ("* no http\r\n", server.receive(11));
}

TEST_F(PassingThrough, AStreamReachesTheClientPieceByPiece) {
  start();
  Peer person = client();
  person.send(post("/api/chat", R"({"model":"m","messages":[]})"));
  Peer server = model.accept();
  server.until("[]}");
  server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  person.until("\r\n\r\n");
  for (int piece = 0; piece < 3; ++piece) {
    server.send("4\r\nabc\n\r\n");
    EXPECT_EQ("4\r\nabc\n\r\n", person.receive(9)) << "held back until more came";
  }
}

TEST_F(PassingThrough, AnswersTwoPipelinedRequestsInTheirOrder) {
  start();
  Peer person = client();
  person.send(post("/api/chat", "{\"n\":1}") + post("/api/chat", "{\"n\":2}"));
  Peer server = model.accept();
  EXPECT_EQ(post("/api/chat", "{\"n\":1}"), server.receive(post("/api/chat", "{\"n\":1}").size()));
  server.send(answer("one"));
  EXPECT_EQ(answer("one"), person.receive(answer("one").size()));
  EXPECT_EQ(post("/api/chat", "{\"n\":2}"), server.receive(post("/api/chat", "{\"n\":2}").size()));
  server.send(answer("two"));
  EXPECT_EQ(answer("two"), person.receive(answer("two").size()));
}

TEST_F(PassingThrough, AHeadRequestHasNoBodyThoughItsAnswerNamesALength) {
  start();
  Peer person = client();
  person.send("HEAD /api/tags HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
  server.send(reply);
  EXPECT_EQ(reply, person.receive(reply.size()));
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  EXPECT_EQ("GET /x HTTP/1.1\r\nHost: m\r\n\r\n", server.until("\r\n\r\n"));
}

TEST_F(PassingThrough, InterimAnswersComeBeforeTheFinalOne) {
  start();
  Peer person = client();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply =
      "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer("{}");
  server.send(reply);
  EXPECT_EQ(reply, person.receive(reply.size()));
}

TEST_F(PassingThrough, AnHttp10AnswerWithoutALengthEndsWithItsConnection) {
  start();
  Peer person = client();
  person.send("POST /api/chat HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
  {
    Peer server = model.accept();
    server.until("{}");
    server.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\npart one, ");
    server.send("part two");
  }
  EXPECT_EQ("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\npart one, part two", person.rest());
}

TEST_F(PassingThrough, AnUpgradedConnectionIsATunnel) {
  start();
  Peer person = client();
  person.send("GET /socket HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi";
  server.send(reply);
  EXPECT_EQ(reply, person.receive(reply.size()));
  person.send("\x81\x85 raw\r\n\r\n");
  EXPECT_EQ("\x81\x85 raw\r\n\r\n", server.receive(10));
  server.half_close();
  EXPECT_EQ("", person.rest());
  person.send("more");
  EXPECT_EQ("more", server.receive(4)) << "what the server closed was its own way alone";
  person.half_close();
  EXPECT_EQ("", server.rest());
}

TEST_F(PassingThrough, WhatIsNotHttp1IsATunnelToTheOriginalServer) {
  start();
  const std::vector<std::string> others{
      std::string("\x16\x03\x01\x00\x05hello", 10),  // TLS
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",            // HTTP/2's preface
      "GET / HTTP/1.1\nHost: bare line feeds\n\n",
      "* what is this\r\n\r\n",
  };
  for (const std::string& bytes : others) {
    Peer person = client();
    person.send(bytes);
    Peer server = model.accept();
    EXPECT_EQ(bytes, server.receive(bytes.size()));
    server.send("its answer");
    EXPECT_EQ("its answer", person.receive(10));
    person.half_close();
    EXPECT_TRUE(server.sees_close());
  }
  EXPECT_EQ(others.size(), counters().tunnels);
}

TEST_F(PassingThrough, SaysContinueToAClientThatWaitsForItAndForwardsTheRequestOnce) {
  start();
  Peer person = client();
  person.send("POST /api/chat HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue\r\n\r\n", person.until("\r\n\r\n"));
  person.send("{}");
  Peer server = model.accept();
  server.until("{}");
  server.send("HTTP/1.1 100 Continue\r\n\r\n" + answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size())) << "a second 100 Continue came through";
}

TEST_F(PassingThrough, ABodyThatNobodyReadsIsStreamedAndTheServerSaysContinue) {
  start();
  Peer person = client();
  person.send(
      "POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: "
      "200000\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue\r\n\r\n", person.until("\r\n\r\n"));
  const std::string half(100000, 'x');
  person.send(half);
  EXPECT_EQ(half, server.receive(half.size())) << "a body that nobody looks into was held";
  person.send(half);
  EXPECT_EQ(half, server.receive(half.size()));
  server.send(answer("{}", "", "201 Created"));
  EXPECT_EQ(answer("{}", "", "201 Created"), person.receive(answer("{}", "", "201 Created").size()));
}

TEST_F(PassingThrough, ABodyPastTheLimitStreamsThroughUnclassified) {
  start(R"(, "limits": {"max_body": "64KiB"})");
  for (const bool chunked : {false, true}) {
    Peer person = client();
    const std::string body(150000, 'y');
    const std::string framing =
        chunked ? "Transfer-Encoding: chunked\r\n\r\n249f0\r\n" : "Content-Length: 150000\r\n\r\n";
    const std::string request =
        "POST /api/chat HTTP/1.1\r\nHost: m\r\n" + framing + body + (chunked ? "\r\n0\r\n\r\n" : "");
    person.send(request);
    Peer server = model.accept();
    EXPECT_TRUE(request == server.receive(request.size())) << (chunked ? "chunked" : "with a length");
    server.send(answer("{}"));
    EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
  }
  EXPECT_EQ(2u, counters().unclassified_large);
}

TEST_F(PassingThrough, BypassedEvenAMatchingRuleChangesNothing) {
  start(R"(, "upstreams": {"task": {"url": ")" + task.url() +
        R"("}}, "rules": [{"name": "all", "when": {"path": "/api/chat"}, "then": {"route": ["task"]}}])");
  bypass(true);
  Peer person = client();
  person.send(post("/api/chat", "{}"));
  Peer server = model.accept();
  EXPECT_EQ(post("/api/chat", "{}"), server.receive(post("/api/chat", "{}").size()));
}

TEST_F(PassingThrough, PastTheConnectionLimitAConnectionIsTunnelledNotRefused) {
  start(R"(, "limits": {"max_connections": 1})");
  Peer first = client();
  first.send("GET /a HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer one = model.accept();
  Peer second = client();
  second.send("anything at all");
  Peer two = model.accept();
  EXPECT_EQ("anything at all", two.receive(15));
  EXPECT_EQ(1u, counters().over_limit);
}

}  // namespace
}  // namespace tasklane
