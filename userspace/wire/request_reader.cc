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

// Looks at what has come since the last look, without a wait.
void RequestReader::look_at_head(ReceivedRequest& request, Look& look, Time& deadline) {
  const bool whole_lines = look.begun || skip_empty_lines(input_);
  const std::string_view bytes = whole_lines ? input_.bytes() : std::string_view();
  if (!bytes.empty() && !look.begun) {
    look.begun = true;
    deadline = now() + limits_.header_timeout;
  }
  if (bytes.size() > look.seen) {
    if (look.read == 0 && is_opaque(bytes, look.seen)) {
      look.state = ScanState::not_http;
      return;
    }
    look.seen = bytes.size();
    const ScanResult scan = request.scanner->feed(bytes.substr(look.read));
    look.read += scan.consumed;
    look.state = scan.state;
  }
  if (!look.begun) deadline = now() + limits_.idle_timeout;
}

// Whether its body is to be read here.
bool RequestReader::begin_body(ReceivedRequest& request) {
  request.endpoint = endpoint_of(request.head().method, request.head().target);
  const auto length = request.scanner->content_length();
  request.memory = MemoryShare(limits_.memory);
  request.past_limit = length && *length > limits_.max_body.bytes;
  const bool wanted = wants_body_(request);
  if (wanted && length && !request.past_limit)
    request.past_limit = !request.memory.hold(copies_of_a_body * (request.head_size + *length));
  if (request.past_limit || !wanted) return false;
  if (length && *length > 0) input_.expect(request.head_size + *length);
  if (request.scanner->chunked()) request.scanner->collect_into(&request.decoded);
  return true;
}

bool RequestReader::look_at_body(ReceivedRequest& request, std::size_t& read, Time& deadline) {
  const ScanResult scan = request.scanner->feed(input_.bytes().substr(read));
  read += scan.consumed;
  request.whole = scan.state == ScanState::done;
  if (scan.state != ScanState::need_more) return true;
  const bool room = request.memory.hold(copies_of_a_body * (read + request.decoded.size()));
  if (!room || read - request.head_size > limits_.max_body.bytes) {  // as received: framing is held too
    request.past_limit = true;
    return true;
  }
  deadline = now() + limits_.idle_timeout;
  return false;
}

void RequestReader::end_body(ReceivedRequest& request, std::size_t read) {
  request.scanner->collect_into(nullptr);  // the request moves on; what is left of a body is streamed
  request.raw = input_.take(read);
}

Refused RequestReader::refusal_of(ScanState state, const ReceivedRequest& request) const {
  constexpr int header_too_large = 431;
  if (state == ScanState::header_too_large)
    return {header_too_large,
            "the header is larger than " + to_text(limits_.max_header) + " (limits.max_header)"};
  return {400, "the request can be read in two ways: " + request.scanner->problem()};
}

// One coroutine, for nearly all requests wait once, for their first byte.
Awaitable<ReadOutcome> RequestReader::read(Time& deadline) {
  ReceivedRequest request;
  request.scanner = std::make_shared<RequestScanner>(static_cast<std::uint32_t>(limits_.max_header.bytes));

  Look look;
  for (;;) {
    const std::uint64_t received = input_.received();
    look_at_head(request, look, deadline);
    if (look.state != ScanState::need_more) break;
    if (!co_await input_.more_than(received)) co_return Left{};
  }
  if (look.state == ScanState::not_http) co_return Opaque{};
  if (look.state == ScanState::header_too_large || look.state == ScanState::ambiguous)
    co_return refusal_of(look.state, request);
  request.head_size = look.read;
  if (begin_body(request)) {
    std::size_t read = request.head_size;
    if (!request.scanner->is_done() && expects_continue(request) && input_.bytes().size() == read) {
      request.continue_sent = true;
      co_await send_all(socket_, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    for (;;) {
      const std::uint64_t received = input_.received();
      if (look_at_body(request, read, deadline)) break;
      if (!co_await input_.more_than(received)) co_return Left{};
    }
    end_body(request, read);
    if (!request.scanner->problem().empty()) co_return refusal_of(ScanState::ambiguous, request);
  } else {
    request.raw = input_.take(look.read);
    request.scanner->feed({});
    request.whole = request.scanner->is_done();
  }
  request.arrived = now();
  co_return ReadOutcome(std::move(request));
}

}  // namespace tasklane
