#include "userspace/wire/request_reader.h"

#include <utility>

namespace tasklane {
namespace {

// As it came; and as it is read, and after that sent on where a rule changes it, or kept for its turn.
constexpr std::uint64_t copies_of_a_body = 2;

// A first line that ends in a bare LF, or begins with no method: not the HTTP/1 that we read. Whoever is
// meant may well understand it. `seen`: of the bytes, looked at before.
bool is_opaque(std::string_view bytes, std::size_t seen) {
  const char first = bytes.front();
  const bool method_begins = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  if (!method_begins) return true;
  const auto line = bytes.find('\n', seen);
  return line != std::string_view::npos && (line == 0 || bytes[line - 1] != '\r');
}

// RFC 9112 section 2.2: empty lines before a request line are ignored. False: half of one is there.
bool skip_empty_lines(ClientInput& input) {
  while (input.bytes().starts_with("\r\n")) input.consume(2);
  return input.bytes() != "\r";
}

bool expects_continue(const ReceivedRequest& request) {
  const std::string* expect = request.head().field("Expect");
  return expect != nullptr && equal_names(*expect, "100-continue") && request.scanner->version() >= 11;
}

}  // namespace

Awaitable<ScanResult> RequestReader::read_head(ReceivedRequest& request, Time& deadline, bool& left) {
  bool begun = false;
  std::size_t seen = 0;
  std::size_t read = 0;  // the scanner takes the first line by itself where it comes alone
  for (;;) {
    const std::uint64_t received = input_.received();
    const bool whole_lines = begun || skip_empty_lines(input_);
    const std::string_view bytes = whole_lines ? input_.bytes() : std::string_view();
    if (!bytes.empty() && !begun) {
      begun = true;
      deadline = now() + limits_.header_timeout;
    }
    if (bytes.size() > seen) {
      if (read == 0 && is_opaque(bytes, seen)) co_return ScanResult{ScanState::not_http, 0};
      seen = bytes.size();
      const ScanResult scan = request.scanner->feed(bytes.substr(read));
      read += scan.consumed;
      if (scan.state != ScanState::need_more) co_return ScanResult{scan.state, read};
    }
    if (!begun) deadline = now() + limits_.idle_timeout;
    if (!co_await input_.more_than(received)) {
      left = true;
      co_return ScanResult{};
    }
  }
}

Awaitable<void> RequestReader::send_continue(ReceivedRequest& request) {
  request.continue_sent = true;
  co_await send_all(socket_, "HTTP/1.1 100 Continue\r\n\r\n");
}

Awaitable<bool> RequestReader::read_body(ReceivedRequest& request, ScanResult scan, Time& deadline) {
  RequestScanner& scanner = *request.scanner;
  if (scanner.chunked()) scanner.collect_into(&request.decoded);
  std::size_t read = request.head_size;  // of the input's bytes
  if (!scanner.is_done() && expects_continue(request) && input_.bytes().size() == read)
    co_await send_continue(request);
  for (;;) {
    const std::uint64_t received = input_.received();
    scan = scanner.feed(input_.bytes().substr(read));
    read += scan.consumed;
    if (scan.state != ScanState::need_more) break;
    const bool room = request.memory.hold(copies_of_a_body * (read + request.decoded.size()));
    if (!room || read - request.head_size > limits_.max_body.bytes) {  // as received: framing is held too
      request.past_limit = true;
      break;
    }
    deadline = now() + limits_.idle_timeout;
    if (!co_await input_.more_than(received)) co_return false;
  }
  scanner.collect_into(nullptr);  // the request moves on; what is left of a body is streamed
  request.whole = scan.state == ScanState::done;
  request.raw = input_.take(read);
  co_return true;
}

Awaitable<ReadOutcome> RequestReader::read(Time& deadline) {
  ReceivedRequest request;
  request.scanner = std::make_shared<RequestScanner>(static_cast<std::uint32_t>(limits_.max_header.bytes));

  bool left = false;
  const ScanResult head = co_await read_head(request, deadline, left);
  if (left) co_return Left{};
  switch (head.state) {
    case ScanState::not_http:
      co_return Opaque{};
    case ScanState::header_too_large:
      co_return Refused{431,
                        "the header is larger than " + to_text(limits_.max_header) + " (limits.max_header)"};
    case ScanState::ambiguous:
      co_return Refused{400, "the request can be read in two ways: " + request.scanner->problem()};
    default:
      break;
  }
  request.head_size = head.consumed;
  request.endpoint = endpoint_of(request.head().method, request.head().target);

  const auto length = request.scanner->content_length();
  request.memory = MemoryShare(limits_.memory);
  request.past_limit = length && *length > limits_.max_body.bytes;
  const bool wanted = wants_body_(request);
  if (wanted && length && !request.past_limit)
    request.past_limit = !request.memory.hold(copies_of_a_body * (head.consumed + *length));
  if (wanted && length && !request.past_limit && *length > 0) input_.expect(head.consumed + *length);
  if (!request.past_limit && wanted) {
    if (!co_await read_body(request, head, deadline)) co_return Left{};
    if (!request.scanner->problem().empty())
      co_return Refused{400, "the request can be read in two ways: " + request.scanner->problem()};
  } else {
    request.raw = input_.take(head.consumed);
    request.scanner->feed({});
    request.whole = request.scanner->is_done();
  }
  request.arrived = now();
  co_return ReadOutcome(std::move(request));
}

}  // namespace tasklane
