// What could be read in two ways is refused; what is over a limit gets a clear answer; nothing hangs.
#include "relay/relay_fixture.h"

namespace tasklane {
namespace {

using Refusing = RelayTest;

struct Ambiguous {
  const char* what;
  const char* bytes;
};
void PrintTo(const Ambiguous& each, std::ostream* out) { *out << each.what; }

class AmbiguousFraming : public RelayTest, public ::testing::WithParamInterface<Ambiguous> {};

TEST_P(AmbiguousFraming, Gets400AndNeverReachesTheModel) {
  start();
  Peer person = client();
  person.send(GetParam().bytes);
  const std::string reply = person.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 400 Bad Request\r\n")) << GetParam().what << ": " << reply;
  EXPECT_NE(std::string::npos, reply.find("\"error\"")) << reply;
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
  EXPECT_EQ(1u, counters().refused_requests);
}

#define HEAD "POST /api/chat HTTP/1.1\r\nHost: m\r\n"
INSTANTIATE_TEST_SUITE_P(
    Table, AmbiguousFraming,
    ::testing::Values(
        Ambiguous{"both lengths", HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"both, the other order",
                  HEAD "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"},
        Ambiguous{"two lengths", HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"},
        Ambiguous{"the same length twice", HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
        Ambiguous{"a list of lengths", HEAD "Content-Length: 2, 3\r\n\r\n{}"},
        Ambiguous{"the same length as a list", HEAD "Content-Length: 2, 2\r\n\r\n{}"},
        Ambiguous{"a negative length", HEAD "Content-Length: -2\r\n\r\n{}"},
        Ambiguous{"a length with a sign", HEAD "Content-Length: +2\r\n\r\n{}"},
        Ambiguous{"a length in hex", HEAD "Content-Length: 0x2\r\n\r\n{}"},
        Ambiguous{"an empty length", HEAD "Content-Length: \r\n\r\n{}"},
        Ambiguous{"a huge length", HEAD "Content-Length: 99999999999999999999999\r\n\r\n{}"},
        Ambiguous{"chunked is not last", HEAD "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"},
        Ambiguous{"chunked twice", HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"an unknown coding", HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"two transfer fields",
                  HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"chunked in HTTP/1.0",
                  "POST /api/chat HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"a chunk size that is no number",
                  HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\nab\r\n0\r\n\r\n"},
        Ambiguous{"a chunk size with a sign", HEAD "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n"},
        Ambiguous{"a chunk size past 64 bits",
                  HEAD "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n"},
        Ambiguous{"a chunk longer than its size",
                  HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n"},
        Ambiguous{"a bare CR in a value", HEAD "X-A: a\rContent-Length: 2\r\n\r\n{}"},
        Ambiguous{"a space before the colon", HEAD "Content-Length : 2\r\n\r\n{}"},
        Ambiguous{"a folded field", HEAD "X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"},
        Ambiguous{"a NUL in a name", HEAD "X\x01Y: 1\r\nContent-Length: 2\r\n\r\n{}"},
        Ambiguous{"a line without a colon", HEAD "nothing\r\nContent-Length: 2\r\n\r\n{}"}));
INSTANTIATE_TEST_SUITE_P(
    TransferCodings, AmbiguousFraming,
    ::testing::Values(
        Ambiguous{"a list", HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"a list that begins with nothing", HEAD "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"},
        Ambiguous{"a list that ends with nothing", HEAD "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"},
        Ambiguous{"a parameter", HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"},
        Ambiguous{"two words", HEAD "Transfer-Encoding: chunked foo\r\n\r\n0\r\n\r\n"},
        Ambiguous{"a quote", HEAD "Transfer-Encoding: chunked\"\r\n\r\n0\r\n\r\n"},
        Ambiguous{"identity", HEAD "Transfer-Encoding: identity\r\n\r\n"},
        Ambiguous{"nothing", HEAD "Transfer-Encoding:\r\n\r\n"}));
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
INSTANTIATE_TEST_SUITE_P(
    ChunkExtensions, AmbiguousFraming,
    ::testing::Values(
        Ambiguous{"a line feed in a quoted value", CHUNKED "2;a=\"\n\"\r\n{}\r\n0\r\n\r\n"},
        Ambiguous{"a carriage return in a quoted value", CHUNKED "2;a=\"\r\"\r\n{}\r\n0\r\n\r\n"},
        Ambiguous{"a control byte in a quoted value", CHUNKED "2;a=\"\x01\"\r\n{}\r\n0\r\n\r\n"},
        Ambiguous{"a size that ends in a line feed alone", CHUNKED "2\n{}\r\n0\r\n\r\n"},
        Ambiguous{"an extension without a name", CHUNKED "2;=a\r\n{}\r\n0\r\n\r\n"},
        Ambiguous{"a padded size", CHUNKED "2 \r\n{}\r\n0\r\n\r\n"},
        Ambiguous{"data that ends in a line feed alone", CHUNKED "2\r\n{}\n0\r\n\r\n"},
        Ambiguous{"a trailer that ends in a line feed alone", CHUNKED "2\r\n{}\r\n0\r\nX: 1\n\r\n"},
        Ambiguous{"a folded trailer", CHUNKED "2\r\n{}\r\n0\r\nX: 1\r\n 2\r\n\r\n"}));
#undef CHUNKED
#undef HEAD

TEST_F(Refusing, ExtensionsAndTrailersAreCountedThoughTheyAreNoBody) {
  start();
  const std::string head = "POST /api/chat HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& endless :
       {"2;a=\"" + std::string(1u << 20, 'x'), "0\r\nX: " + std::string(1u << 20, 'x')}) {
    Peer person = client();
    person.send(head + endless);
    EXPECT_TRUE(person.rest().starts_with("HTTP/1.1 400 "));
  }
  EXPECT_FALSE(model.called_within(std::chrono::milliseconds(50)));
}

// The server sees what was right, and then its connection ends.
TEST_F(Refusing, ABadChunkInAStreamedUploadIs400AndNotAByteOfItGoesOn) {
  start();
  Peer person = client();
  const std::string good =
      "POST /api/blobs/sha256:1 HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
  person.send(good);
  Peer server = model.accept();
  EXPECT_EQ(good, server.receive(good.size()));
  person.send("3;a=\"\n");
  person.send("\"\r\nabc\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: m\r\n\r\n");
  EXPECT_EQ(std::string::npos, server.rest().find('\n'));
  EXPECT_TRUE(person.rest().starts_with("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(1u, counters().refused_requests);
}

TEST_F(Refusing, TheHeadersLimitIsWhatItSays) {
  start();
  std::string request = "GET /api/tags HTTP/1.1\r\nHost: m\r\n";
  while (request.size() < 180000) request += "X-Field: one of a great many\r\n";
  Peer person = client();
  person.send(request + "\r\n");
  EXPECT_TRUE(person.rest().starts_with("HTTP/1.1 431 "));
}

TEST_F(Refusing, AHeaderPastTheLimitGets431InTheClientsDialect) {
  start(R"(, "limits": {"max_header": "4KiB"})");
  Peer person = client();
  person.send("GET /v1/models HTTP/1.1\r\nHost: m\r\nX-Long: " + std::string(8000, 'a') + "\r\n\r\n");
  const std::string reply = person.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 431 ")) << reply;
  EXPECT_NE(std::string::npos, reply.find("limits.max_header")) << reply;
  EXPECT_EQ(1u, counters().over_limit);
}

TEST_F(Refusing, AClientThatNeverFinishesItsHeaderIsLetGoInTime) {
  start(R"(, "limits": {"header_timeout": "5s"})");
  Peer person = client();
  person.send("GET /api/tags HTTP/1.1\r\nHo");
  while (counters().connections == 0) std::this_thread::yield();
  sweep(std::chrono::seconds(1));
  EXPECT_TRUE(person.quiet_for(std::chrono::milliseconds(50)));
  sweep(std::chrono::seconds(6));
  EXPECT_TRUE(person.sees_close());
}

TEST_F(Refusing, AnUpstreamThatRefusesIs502FromAnOrdinaryListener) {
  start();
  model.stop();
  Peer person = client();
  person.send(post("/v1/chat/completions", "{}"));
  const std::string reply = person.rest();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << reply;
  EXPECT_NE(std::string::npos, reply.find("\"message\"")) << reply;
  EXPECT_NE(std::string::npos, reply.find("original")) << reply;
}

}  // namespace
}  // namespace tasklane
