// Where a message ends, for sure or not at all; and what is forgiven in an answer alone.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shaper/http/message_scanner.h"

namespace tasklane {
namespace {

constexpr std::uint32_t limit = 64u << 10;

// Feeds `bytes` in pieces, as whoever reads a socket does; the state in which it stops.
template <class Scanner>
ScanState run(Scanner& scanner, std::string_view bytes, std::size_t piece, std::size_t* consumed = nullptr) {
  std::size_t given = 0;
  std::size_t taken = 0;
  ScanState state = ScanState::need_more;
  for (;;) {
    const ScanResult scan = scanner.feed(bytes.substr(taken, given - taken));
    taken += scan.consumed;
    state = scan.state;
    if (consumed != nullptr) *consumed = taken;
    if (state == ScanState::head_done) continue;
    if (state != ScanState::need_more || given == bytes.size()) return state;
    given = std::min(bytes.size(), given + piece);
  }
}

ScanState request(std::string_view fields, std::size_t piece = 1) {
  RequestScanner scanner(limit);
  return run(scanner, "POST /api/chat HTTP/1.1\r\nHost: m\r\n" + std::string(fields), piece);
}

TEST(RequestScanner, OnlyTheOneWordChunkedIsATransferCoding) {
  const std::string body = "\r\n\r\n0\r\n\r\n";
  for (const std::string good : {"chunked", "CHUNKED", "  ChUnKeD \t"})
    EXPECT_EQ(ScanState::done, request("Transfer-Encoding: " + good + body)) << good;
  for (const std::string bad :
       {"gzip, chunked",   ",chunked",          "chunked,",  "chunked;q=1", "chunked foo",
        "chunked\"",       "\"chunked\"",       "",          "identity",    "chunked, identity",
        "chunked,chunked", "xchunked",          "chunke",    "chunked;",    "chunked\x80",
        "chunk ed",        "identity, chunked", "'chunked'", "chunked=1",   "(a) chunked",
        "chunked, ",       ", chunked",         "gzip"})
    EXPECT_EQ(ScanState::ambiguous, request("Transfer-Encoding: " + bad + body)) << bad;
  EXPECT_EQ(ScanState::ambiguous, request("Transfer-Encoding: chunked\r\ntransfer-encoding: chunked" + body));
  EXPECT_EQ(ScanState::ambiguous, request("Transfer-Encoding: chunked\r\nContent-Length: 0" + body));
}

TEST(RequestScanner, AConnectionFieldOfWhateverFormIsNoReasonToRefuse) {
  for (const std::string form :
       {"Keep-Alive; timeout=5", "keep-alive, ", ",close", "a b", "\"x\"", "close;", "@"})
    for (const std::string name : {"Connection: ", "Proxy-Connection: "})
      EXPECT_EQ(ScanState::done, request(name + form + "\r\n\r\n")) << form;
}

TEST(RequestScanner, SaysWhetherTheConnectionGoesOn) {
  const auto keeps = [](const std::string& head) {
    RequestScanner scanner(limit);
    run(scanner, head + "\r\n\r\n", 64);
    return scanner.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1"));
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nConnection: Keep-Alive; timeout=5"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: x, CLOSE"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\nProxy-Connection: keep-alive"));
}

TEST(RequestScanner, TheLimitOfAHeadIsWhatItSays) {
  const std::string begin = "GET / HTTP/1.1\r\nX: ";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{1u << 20}}) {
    const std::string fits = begin + std::string(limit - begin.size() - 4, 'a') + "\r\n\r\n";
    RequestScanner first(limit);
    EXPECT_EQ(ScanState::done, run(first, fits, piece));
    RequestScanner second(limit);
    EXPECT_EQ(ScanState::header_too_large, run(second, begin + "a" + fits.substr(begin.size()), piece));
    std::string many = "GET / HTTP/1.1\r\n";
    while (many.size() < 180000) many += "X-Field: of little length\r\n";
    RequestScanner third(limit);
    EXPECT_EQ(ScanState::header_too_large, run(third, many + "\r\n", piece));
    RequestScanner fourth(limit);
    EXPECT_EQ(ScanState::header_too_large, run(fourth, "GET /" + std::string(180000, 'a'), piece));
  }
}

TEST(RequestScanner, WhatHasBeenConsumedIsAllThatMayBeSentOn) {
  RequestScanner scanner(limit);
  const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::size_t consumed = 0;
  EXPECT_EQ(ScanState::ambiguous, run(scanner, head + "1;a=\"\nGET / HTTP/1.1\r\n\r\n", 4096, &consumed));
  EXPECT_EQ(head.size() + 5, consumed);
  EXPECT_EQ(ScanState::ambiguous, scanner.feed("0\r\n\r\n").state) << "it went on behind what it had refused";
}

ScanState answer(const std::string& bytes, std::string* tidied = nullptr, std::size_t piece = 1) {
  ResponseScanner scanner(limit);
  const ScanState state = run(scanner, bytes, piece);
  if (tidied != nullptr) *tidied = scanner.tidied().value_or("");
  return state;
}

TEST(ResponseScanner, ForgivesWhatEveryClientForgivesAndWritesItAsItShouldBe) {
  const std::string right = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b c\r\n\r\n";
  const std::vector<std::string> forgiven{
      "HTTP/1.1 200 OK\nContent-Length: 2\nA: b c\n\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nA: b c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nA: b c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n  c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA : b c\r\n\r\n",
  };
  for (const std::string& head : forgiven) {
    std::string tidied;
    EXPECT_EQ(ScanState::done, answer(head + "{}", &tidied)) << head;
    EXPECT_EQ(right, tidied) << head;
  }
  std::string tidied;
  EXPECT_EQ(ScanState::done, answer("HTTP/1.1 204\r\n\r\n", &tidied));
  EXPECT_EQ("HTTP/1.1 204 \r\n\r\n", tidied);
  EXPECT_EQ(ScanState::done, answer(right + "{}", &tidied));
  EXPECT_EQ("", tidied) << "what is right stays byte for byte";
}

TEST(ResponseScanner, WhatCannotBeFramedForSureIsNoAnswer) {
  for (const std::string fields :
       {"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2, 3\r\n", "Content-Length: x\r\n",
        "Content-Length: -1\r\n", "Content-Length:\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n", "no field\r\n", "A: b\x01\r\n"})
    EXPECT_EQ(ScanState::ambiguous, answer("HTTP/1.1 200 OK\r\n" + fields + "\r\n{}")) << fields;
  EXPECT_EQ(ScanState::ambiguous, answer("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  for (const std::string line :
       {"ICY 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/2 200 OK", "HTTP/1.1", "{}"})
    EXPECT_EQ(ScanState::not_http, answer(line + "\r\n\r\n")) << line;
}

TEST(ResponseScanner, KeepAliveWithParametersIsOrdinary) {
  ResponseScanner scanner(limit);
  run(scanner, "HTTP/1.1 200 OK\r\nConnection: Keep-Alive; timeout=5\r\nContent-Length: 0\r\n\r\n", 7);
  EXPECT_TRUE(scanner.is_done());
  EXPECT_TRUE(scanner.keep_alive());
}

TEST(ResponseScanner, ABodyWithoutALengthEndsWithItsConnection) {
  ResponseScanner scanner(limit);
  EXPECT_EQ(ScanState::need_more, run(scanner, "HTTP/1.1 200 OK\r\n\r\nsome", 3));
  EXPECT_FALSE(scanner.keep_alive());
  EXPECT_TRUE(scanner.end_of_stream());
  ResponseScanner cut(limit);
  run(cut, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsome", 3);
  EXPECT_FALSE(cut.end_of_stream());
}

// How many bytes were shown to the scanner, of so large a body in pieces: what it does not take is shown
// again.
std::size_t shown_of(const std::string& body, ScanState& state) {
  constexpr std::size_t piece = 1000;
  RequestScanner scanner(limit);
  const std::string bytes = "POST /api/chat HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
  std::size_t shown = 0;
  std::size_t taken = 0;
  std::size_t given = 0;
  state = ScanState::need_more;
  while (given < bytes.size() && (state == ScanState::need_more || state == ScanState::head_done)) {
    given = std::min(bytes.size(), given + piece);
    do {
      shown += given - taken;
      const ScanResult scan = scanner.feed(std::string_view(bytes).substr(taken, given - taken));
      taken += scan.consumed;
      state = scan.state;
    } while (state == ScanState::head_done);
  }
  return shown;
}

TEST(RequestScanner, NoByteOfABodyIsLookedAtTwiceWhateverItHolds) {
  constexpr int many = 200'000;
  std::string ones;
  for (int chunk = 0; chunk < many; ++chunk) ones += "1\r\nx\r\n";
  std::string signatures;
  for (int chunk = 0; chunk < many / 100; ++chunk)
    signatures += "40;a=\"" + std::string(50, 'b') + "\"\r\n" + std::string(0x40, 'x') + "\r\n";
  ScanState state{};
  for (const std::string& body : {ones, signatures, "ffffff\r\n" + std::string(many, 'x')}) {
    EXPECT_LE(shown_of(body, state), body.size() + 2000);
    EXPECT_EQ(state, ScanState::need_more);
  }
}

TEST(RequestScanner, WhatNeverEndsIsGivenUpSoonerThanItFillsMemory) {
  constexpr std::size_t many = 20u << 20;
  constexpr std::size_t soon = 128u << 10;
  std::string extensions;
  std::string trailers = "0\r\n";
  while (extensions.size() < many) extensions += "1;a=bcdefgh\r\nx\r\n";
  while (trailers.size() < many) trailers += "X: 1\r\n";
  for (const std::string& body :
       {"1;a=\"" + std::string(many, 'x'), "1;" + std::string(many, 'x'), extensions, trailers}) {
    ScanState state{};
    EXPECT_LE(shown_of(body, state), soon) << body.substr(0, 20);
    EXPECT_EQ(state, ScanState::ambiguous) << body.substr(0, 20);
  }
}

}  // namespace
}  // namespace tasklane
