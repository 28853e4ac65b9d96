// HTTP/1 exchanges out of reassembled streams: which request, which answer, at what times. Reads what the
// relay's own scanners read, and pairs an answer with its request by order and by what its first segment
// acknowledges. A message with a hole in it is given up, with all that could be mistaken for it; reading goes
// on where a segment begins with a message's first line and nothing can be under way before it.
//
// Bounded for each flow; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shaper/http/message_scanner.h"
#include "shaper/observe/reassembly.h"

namespace tasklane::observe {

// How an exchange ended, as far as the capture shows it.
enum class Ending : std::uint8_t {
  whole,        // the answer came to its end
  cut,          // the connection ended in the middle of it, or before it
  client_left,  // the client closed before its end
  gap,          // the capture has a hole in the answer
  not_seen,     // the capture has no answer, or ends before it
};

struct HttpExchange {
  std::uint64_t id = 0;  // counts up, in the order of the requests' ends
  FlowId flow = 0;
  SocketName client, server;
  RequestHead head;
  std::string body;       // as it came, decoded from chunks; empty once it was told
  bool body_cut = false;  // it is larger than what is kept
  std::uint64_t body_bytes = 0;
  Time begun;                // the request's first byte
  Time whole;                // and its last
  std::uint64_t offset = 0;  // where it begins in its stream
  bool is_whole = false;
  std::optional<Time> answered;  // the answer's first byte
  std::optional<Time> left;      // the client closed its side
  int status = 0;
};

class HttpListener {
 public:
  virtual ~HttpListener() = default;
  // The request is whole. May take head and body.
  virtual void on_request(HttpExchange& exchange) = 0;
  virtual void on_answer_head(HttpExchange& exchange, const RequestHead& fields, Time now) = 0;
  virtual void on_answer_body(HttpExchange& exchange, std::string_view bytes, Time now) = 0;
  virtual void on_ended(HttpExchange& exchange, Ending how, Time now) = 0;
};

struct HttpCounts {
  std::uint64_t requests = 0;
  std::uint64_t requests_given_up = 0;  // for a hole
  std::uint64_t answers_given_up = 0;
  std::uint64_t answers_without_request = 0;
  std::uint64_t not_http = 0;  // flows
};

struct HttpLimits {
  std::uint32_t head = 64U << 10U;
  std::size_t body = std::size_t{16} << 20U;
  std::size_t bodies = std::size_t{128} << 20U;  // of all flows
  std::size_t early = std::size_t{1} << 20U;     // of an answer whose request has not been told yet
  std::size_t pipelined = 64;
};

class HttpFlows : public StreamListener {
 public:
  explicit HttpFlows(HttpListener& listener, HttpLimits limits = {}) : listener_(listener), limits_(limits) {}

  void on_flow(FlowId id, const FlowNames& names, Time now) override;
  void on_bytes(FlowId id, Side side, std::string_view bytes, const StreamPlace& place) override;
  void on_gap(FlowId id, Side side, std::uint64_t bytes, Time now) override;
  void on_end(FlowId id, Side side, Time now) override;
  void on_reset(FlowId id, Side side, Time now) override;
  void on_forgotten(FlowId id, Time now) override;

  [[nodiscard]] const HttpCounts& counts() const { return counts_; }

 private:
  enum class State : std::uint8_t { lost, reading, off };
  struct Early {
    std::string bytes;
    StreamPlace place;
  };
  struct Flow {
    FlowId id = 0;
    FlowNames names;
    std::optional<Side> client;  // once a message has told
    State requests = State::reading;
    State answers = State::reading;
    std::deque<std::unique_ptr<HttpExchange>> queue;  // requests without the end of their answers
    // The request that is being read is the queue's last, once its head is there.
    std::optional<RequestScanner> request;
    std::string request_held;  // not yet consumed
    std::unique_ptr<HttpExchange> reading;
    std::optional<ResponseScanner> answer;
    std::string answer_held;
    std::string answer_body;
    std::vector<Early> early;
    std::size_t early_bytes = 0;
    std::uint64_t heard_before_gap = 0;  // of the answers, by the client, when a request was lost
    std::uint64_t heard = 0;
    Time latest_asked{};  // at which bytes of each side have come
    Time latest_answered{};
    bool any_answer_bytes = false;
  };

  void request_bytes(Flow& flow, std::string_view bytes, const StreamPlace& place);
  bool find_request(Flow& flow, std::string_view bytes, const StreamPlace& place);
  void begin_request(Flow& flow, const StreamPlace& place);
  void scan_request(Flow& flow, const StreamPlace& place);
  void request_head_done(Flow& flow);
  void request_done(Flow& flow, const StreamPlace& place);
  void lose_request(Flow& flow);
  void answer_bytes(Flow& flow, std::string_view bytes, const StreamPlace& place);
  bool find_answer(Flow& flow, std::string_view bytes, const StreamPlace& place);
  void scan_answer(Flow& flow, const StreamPlace& place);
  void answer_done(Flow& flow, Ending how, Time now);
  [[nodiscard]] static bool waits_for_request(const Flow& flow);
  void keep_early(Flow& flow, std::string_view bytes, const StreamPlace& place);
  void take_early(Flow& flow);
  void switch_off(Flow& flow, Time now);
  void close(Flow& flow, std::optional<Ending> how, Time now);

  HttpListener& listener_;
  HttpLimits limits_;
  HttpCounts counts_;
  std::unordered_map<FlowId, Flow> flows_;
  std::uint64_t last_id_ = 0;
  std::size_t bodies_ = 0;  // bytes held
};

}  // namespace tasklane::observe
