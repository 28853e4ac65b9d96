// Framing alone, without a socket: a row of requests in pieces of any size is read by the scanner and by a
// strict reader that shares nothing with it. What the scanner has consumed is right, and holds as many
// requests; and nothing that is right is refused.
//
// An input is the row of requests; its last byte is how large the pieces are.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/strict_http.h"
#include "shaper/http/message_scanner.h"

namespace tasklane {
namespace {

struct Read {
  std::size_t begun = 0;
  std::size_t complete = 0;
  std::size_t consumed = 0;
  bool refused = false;
};

Read scan(std::string_view bytes, std::size_t piece) {
  Read read;
  RequestScanner scanner(1u << 20);
  for (std::size_t given = 0;;) {
    const ScanResult result = scanner.feed(bytes.substr(read.consumed, given - read.consumed));
    read.consumed += result.consumed;
    if (result.state == ScanState::head_done) {
      ++read.begun;
    } else if (result.state == ScanState::done) {
      ++read.complete;
      scanner = RequestScanner(1u << 20);
    } else if (result.state != ScanState::need_more) {
      read.refused = true;
      return read;
    } else if (given == bytes.size()) {
      return read;
    } else {
      given = std::min(bytes.size(), given + piece);
    }
  }
}

void must(bool holds, const char* what, const strict_http::Requests& strict) {
  if (holds) return;
  std::fprintf(stderr, "%s; the strict reader: %zu begun, %zu whole, %s\n", what, strict.begun,
               strict.complete, strict.wrong.c_str());
  std::abort();
}

}  // namespace
}  // namespace tasklane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tasklane;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size - 1);
  const Read read = scan(bytes, 1 + static_cast<std::size_t>(data[size - 1]));
  const strict_http::Requests taken = strict_http::read_requests(bytes.substr(0, read.consumed));
  must(taken.wrong.empty(), "the scanner took what is wrong", taken);
  must(taken.begun == read.begun && taken.complete == read.complete, "the scanner counted other requests",
       taken);
  const strict_http::Requests whole = strict_http::read_requests(bytes);
  must(!read.refused || !whole.wrong.empty() || bytes.size() > ChunkScanner::longest_extension,
       "the scanner refused what is right", whole);
  return 0;
}
