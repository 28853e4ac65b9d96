// Heads are read as Beast's reader reads them: a second opinion on what no framing depends on.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <random>
#include <string>

#include "shaper/http/message_scanner.h"

namespace tasklane {
namespace {

bool beast_takes(const std::string& head) {
  boost::beast::http::request_parser<boost::beast::http::empty_body> parser;
  boost::beast::error_code error;
  parser.eager(false);
  parser.put(boost::asio::buffer(head), error);
  return !error && parser.is_header_done();
}

bool scanner_takes(const std::string& head) {
  RequestScanner scanner(1u << 20);
  ScanResult scan;
  std::size_t taken = 0;
  do {
    scan = scanner.feed(std::string_view(head).substr(taken));
    taken += scan.consumed;
  } while (scan.state == ScanState::need_more && scan.consumed > 0);
  return scan.state == ScanState::head_done;
}

TEST(HeadReaders, AgreeOnHeadsWithAFewBytesChanged) {
  const std::string head =
      "GET /api/tags?x=%20 HTTP/1.1\r\nHost: model:11434\r\nAccept: */*\r\nX-Empty:\r\nX-B: \t two  words "
      "\r\n\r\n";
  constexpr char odd[] = "\0\x01\x7f\x80\xff\t\r\n :;/\"()<>@,\\[]{}?=aZ09._-!~";
  const std::string bytes(odd, sizeof(odd) - 1);
  std::mt19937 random(1);  // NOLINT: the same at each run
  const auto below = [&](std::size_t limit) { return random() % limit; };
  for (int time = 0; time < 30000; ++time) {
    std::string changed = head;
    for (std::size_t change = 0; change <= below(3); ++change) {
      const std::size_t at = below(changed.size() - 4);  // the empty line stays
      const char byte = bytes[below(bytes.size())];
      if (const auto kind = below(3); kind == 0)
        changed[at] = byte;
      else if (kind == 1)
        changed.insert(at, 1, byte);
      else
        changed.erase(at, 1);
    }
    // Beast unfolds what RFC 9112 section 5.2 lets a proxy refuse.
    const bool folded =
        changed.find("\r\n ") != std::string::npos || changed.find("\r\n\t") != std::string::npos;
    EXPECT_EQ(beast_takes(changed) && !folded, scanner_takes(changed)) << changed;
  }
}

}  // namespace
}  // namespace tasklane
