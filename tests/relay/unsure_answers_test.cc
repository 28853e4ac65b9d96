// Answers whose end is not sure, or was not reached: forgiven as every client does, else a 502; and the
// client's next request is never read into them.
#include "relay/relay_fixture.h"
#include "userspace/wire/upstream.h"

namespace tasklane {
namespace {

class UnsureAnswers : public RelayTest {
 protected:
  // The model server gives `reply` to a chat; what the client has got when its connection ends.
  std::string rest_of_client(const std::string& reply) {
    start();
    Peer person = client();
    person.send(post("/api/chat", "{}"));
    Peer server = model.accept();
    server.until("{}");
    server.send(reply);
    const std::string rest = person.rest();
    EXPECT_TRUE(server.sees_close()) << "a connection is kept though nobody knows where its answer ends";
    return rest;
  }
};

struct Unsure {
  const char* what;
  const char* bytes;
};
void PrintTo(const Unsure& each, std::ostream* out) { *out << each.what; }

class Unframed : public UnsureAnswers, public ::testing::WithParamInterface<Unsure> {};

TEST_P(Unframed, Is502AndTheConnectionEnds) {
  const std::string rest = rest_of_client(GetParam().bytes);
  EXPECT_TRUE(rest.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << rest;
  EXPECT_NE(std::string::npos, rest.find("Connection: close\r\n")) << rest;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Unframed,
    ::testing::Values(
        Unsure{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"},
        Unsure{"both framings",
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Unsure{"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n{}"},
        Unsure{"a transfer coding other than chunked",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        Unsure{"chunked of an HTTP/1.0 server",
               "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Unsure{"a bad chunk at once", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        Unsure{"no HTTP", "ICY 200 OK\r\n\r\nnot http"}, Unsure{"no HTTP, and no end", "{\"model\": "},
        Unsure{"no status", "HTTP/1.1 OK\r\n\r\n"},
        Unsure{"a line that is no field", "HTTP/1.1 200 OK\r\noops\r\n\r\n"}));

TEST_F(UnsureAnswers, AHeadThatIsCutIs502) {
  start();
  Peer person = client();
  person.send(post("/api/chat", "{}"));
  Peer server = model.accept();
  server.until("{}");
  server.send("HTTP/1.1 200 OK\r\nContent-Le");
  server.close();
  EXPECT_TRUE(person.rest().starts_with("HTTP/1.1 502 "));
}

struct Forgiven {
  const char* what;
  const char* sent;
  const char* got;
};
void PrintTo(const Forgiven& each, std::ostream* out) { *out << each.what; }

class WhatEveryClientForgives : public UnsureAnswers, public ::testing::WithParamInterface<Forgiven> {};

TEST_P(WhatEveryClientForgives, IsForgivenAndTheNextRequestIsAnswered) {
  start();
  Peer person = client();
  person.send("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send(GetParam().sent);
  const std::string got = GetParam().got;
  EXPECT_EQ(got, person.receive(got.size()));
  person.send("GET /api/version HTTP/1.1\r\nHost: m\r\n\r\n");
  server.until("\r\n\r\n");
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
}

INSTANTIATE_TEST_SUITE_P(
    Table, WhatEveryClientForgives,
    ::testing::Values(
        Forgiven{"the same length twice",
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
        Forgiven{"no reason phrase", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}"},
        Forgiven{"a folded value", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 200 OK\r\nA: b c\r\nContent-Length: 2\r\n\r\n{}"},
        Forgiven{"a padded chunk size",
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\n{}\r\n0\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\n{}\r\n0\r\n\r\n"},
        Forgiven{"keep-alive with a parameter",
                 "HTTP/1.1 200 OK\r\nConnection: Keep-Alive; timeout=5\r\nContent-Length: 2\r\n\r\n{}",
                 "HTTP/1.1 200 OK\r\nConnection: Keep-Alive; timeout=5\r\nContent-Length: 2\r\n\r\n{}"}));

TEST_F(UnsureAnswers, EndlessExtensionsAndTrailersOfAnAnswerEndIt) {
  start();
  for (const std::string& endless :
       {"2;a=\"" + std::string(1u << 20, 'x'), "0\r\nX: " + std::string(1u << 20, 'x')}) {
    Peer person = client();
    person.send(post("/api/chat", "{}"));
    Peer server = model.accept();
    server.until("{}");
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
    server.send(head);
    EXPECT_EQ(head, person.receive(head.size()));
    server.send(endless);
    EXPECT_GT(endless.size() / 2, person.rest().size());
  }
}

// A connection is used again only behind what went out whole and was read whole.
class Reuse : public RelayTest {
 protected:
  static std::string upload_head(std::size_t size) {
    return "POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: m\r\nContent-Length: " + std::to_string(size) +
           "\r\n\r\n";
  }
};

TEST_F(Reuse, TheRestOfABodyIsNoRequestWhereTheAnswerCameEarly) {
  start();
  Peer person = client();
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: m\r\n\r\n";
  const std::string body = std::string(24u << 20, 'x') + hidden;
  std::thread sender([&] { person.send(upload_head(body.size()) + body); });
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply = answer("too large", "Connection: keep-alive\r\n", "413 Content Too Large");
  server.send(reply);  // and reads no further
  EXPECT_EQ(reply, person.receive(reply.size()));
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(200)))
      << "a piece of the body was sent as a request";
  EXPECT_EQ("", person.rest()) << "the connection must end, or the rest of the body is answered";
  sender.join();
  server.rest();
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
}

TEST_F(Reuse, AnUploadWhoseAnswerCameEarlyGoesOnAndTheConnectionsAreGoodBehindIt) {
  start();
  Peer person = client();
  const std::string body(24u << 20, 'x');
  std::thread sender([&] { person.send(upload_head(body.size()) + body); });
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send(answer("seen"));
  EXPECT_EQ(answer("seen"), person.receive(answer("seen").size()));
  EXPECT_TRUE(body == server.receive(body.size()));
  sender.join();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  EXPECT_EQ("GET /x HTTP/1.1\r\nHost: m\r\n\r\n", server.until("\r\n\r\n"));
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.receive(answer("{}").size()));
}

TEST_F(Reuse, ALargeRequestIsRefusedEarlyThoughItIsWhollyHere) {
  start();
  Peer person = client();
  const std::string chat = post("/api/chat", "{\"x\": \"" + std::string(24u << 20, 'x') + "\"}");
  std::thread sender([&] { person.send(chat); });
  Peer server = model.accept();
  server.until("\r\n\r\n");
  const std::string reply = answer("too large", "Connection: close\r\n", "413 Content Too Large");
  server.send(reply);  // and reads no further
  EXPECT_EQ(reply, person.receive(reply.size()));
  sender.join();
}

TEST_F(Reuse, WhoeverMeansToCloseIsNotAskedAgain) {
  start();
  Peer person = client();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
  Peer server = model.accept();
  server.until("\r\n\r\n");
  server.send(answer("{}"));
  EXPECT_EQ(answer("{}"), person.rest());
  Peer next = client();
  next.send("GET /y HTTP/1.1\r\nHost: m\r\n\r\n");
  Peer other = model.accept();
  EXPECT_EQ("GET /y HTTP/1.1\r\nHost: m\r\n\r\n", other.until("\r\n\r\n"));
}

// The server's end and our request cross: what the server's end does not acknowledge it has not read.
TEST(UpstreamConnectionTest, AnEndThatCrossedTheRequestHasNotReadIt) {
  asio::io_context io;
  const auto connected = [&io](Server& server) {
    TcpSocket socket(io.get_executor());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr = own_loopback();
    address.sin_port = htons(server.port());
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(0, ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    socket.assign(asio::ip::tcp::v4(), fd);
    return UpstreamConnection(std::move(socket), Destination{});
  };
  const auto ended = [](UpstreamConnection& connection) {
    char byte = 0;
    return ::recv(connection.socket().native_handle(), &byte, 1, 0) == 0;
  };
  Server server;
  {
    UpstreamConnection crossed = connected(server);
    server.accept().close();
    ::send(crossed.socket().native_handle(), "request", 7, MSG_NOSIGNAL);
    EXPECT_TRUE(ended(crossed));
    EXPECT_TRUE(crossed.closed_before_it_was_read());
  }
  UpstreamConnection read = connected(server);
  Peer peer = server.accept();
  ::send(read.socket().native_handle(), "request", 7, MSG_NOSIGNAL);
  EXPECT_EQ("request", peer.receive(7));
  peer.close();
  EXPECT_TRUE(ended(read));
  EXPECT_FALSE(read.closed_before_it_was_read());
}

}  // namespace
}  // namespace tasklane
