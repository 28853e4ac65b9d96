// Reads one request from a client: whole where something has to look into its body, else only the head, and
// the body streams through later. Knows framing and limits; judges nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "shaper/read/endpoint.h"
#include "userspace/relay/client_input.h"
#include "userspace/relay/message_scanner.h"
#include "userspace/relay/relay_context.h"

namespace tasklane {

struct Request {
  RequestId id = 0;
  std::shared_ptr<const Config> config;
  std::shared_ptr<RequestScanner> scanner;  // shared with the upload of a body that streams
  Endpoint endpoint;
  std::string raw;  // as received: the head, and behind it the body where it is whole
  std::size_t head_size = 0;
  std::string decoded;         // the body of a chunked message without its framing
  bool whole = false;          // false: the body, or its rest, is still to come
  bool past_limit = false;     // not whole because of its size
  bool continue_sent = false;  // the client has had its 100 Continue from us
  Time arrived{};              // whole, or the head complete

  [[nodiscard]] const RequestHead& head() const { return scanner->head(); }
  [[nodiscard]] std::string_view raw_head() const { return std::string_view(raw).substr(0, head_size); }
  [[nodiscard]] std::string_view body() const {
    return scanner->chunked() ? std::string_view(decoded) : std::string_view(raw).substr(head_size);
  }
  void forget_body() {
    raw = std::string(raw_head());
    decoded = std::string();
  }
};

// Not HTTP/1: what has come is still in the input and goes through a tunnel.
struct Opaque {};
// Refused here; the connection closes after the answer.
struct Refused {
  int status = 400;
  std::string message;
};
// The client left, or said nothing in time.
struct Left {};

using ReadOutcome = std::variant<Request, Opaque, Refused, Left>;

class RequestReader {
 public:
  RequestReader(RelayContext& context, TcpSocket& socket, ClientInput& input, std::string_view client)
      : context_(context), socket_(socket), input_(input), client_(client) {}

  // `deadline` is where the reader tells by when the next bytes must come; the connection's owner enforces
  // it.
  Awaitable<ReadOutcome> read(Time& deadline);

 private:
  Awaitable<ScanResult> read_head(Request& request, Time& deadline, bool& left);
  Awaitable<bool> read_body(Request& request, ScanResult scan, Time& deadline);
  [[nodiscard]] bool wants_body(const Request& request) const;
  Awaitable<void> send_continue(Request& request);

  RelayContext& context_;
  TcpSocket& socket_;
  ClientInput& input_;
  std::string_view client_;
};

}  // namespace tasklane
