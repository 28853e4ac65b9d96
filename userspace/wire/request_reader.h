// Reads one request from a client: whole where something has to look into its body, else only the head, and
// the body streams through later. Knows framing and limits; judges nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "shaper/base/units.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/http/message_scanner.h"
#include "userspace/wire/client_input.h"
#include "userspace/wire/memory_budget.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

struct ReceivedRequest {
  std::shared_ptr<RequestScanner> scanner;  // shared with the upload of a body that streams
  Endpoint endpoint;
  std::string raw;  // as received: the head, and behind it the body where it is whole
  std::size_t head_size = 0;
  std::string decoded;         // the body of a chunked message without its framing
  bool whole = false;          // false: the body, or its rest, is still to come
  bool past_limit = false;     // not whole because of its size, or of what others hold
  MemoryShare memory;          // for what is held of its body
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
  // The body, which is not here any more.
  std::string take_body() {
    std::string head(raw_head());
    std::string taken = std::exchange(raw, std::move(head));
    if (scanner->chunked()) return std::exchange(decoded, {});
    return std::move(taken.erase(0, head_size));
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

using ReadOutcome = std::variant<ReceivedRequest, Opaque, Refused, Left>;

struct ReadLimits {
  ByteSize max_body;
  ByteSize max_header;
  Duration idle_timeout;
  Duration header_timeout;
  MemoryBudget* memory = nullptr;  // for bodies of all connections; null: no bound
};

// Whether somebody has to look into a request's body. Asked once for each request, when its head is complete.
using WantsBody = std::function<bool(const ReceivedRequest&)>;

class RequestReader {
 public:
  RequestReader(TcpSocket& socket, ClientInput& input, const ReadLimits& limits, WantsBody wants_body)
      : socket_(socket), input_(input), limits_(limits), wants_body_(std::move(wants_body)) {}

  // `deadline` is where the reader tells by when the next bytes must come; the connection's owner enforces
  // it.
  Awaitable<ReadOutcome> read(Time& deadline);

 private:
  // How far a head has been looked at.
  struct Look {
    bool begun = false;
    std::size_t seen = 0;  // bytes
    std::size_t read =
        0;  // of them by the scanner, which takes the first line by itself where it comes alone
    ScanState state = ScanState::need_more;
  };
  void look_at_head(ReceivedRequest& request, Look& look, Time& deadline);
  // True: no more of the body is to be waited for. `read`: of the input's bytes.
  bool look_at_body(ReceivedRequest& request, std::size_t& read, Time& deadline);
  bool begin_body(ReceivedRequest& request);
  void end_body(ReceivedRequest& request, std::size_t read);
  [[nodiscard]] Refused refusal_of(ScanState state, const ReceivedRequest& request) const;

  TcpSocket& socket_;
  ClientInput& input_;
  ReadLimits limits_;
  WantsBody wants_body_;
};

}  // namespace tasklane
