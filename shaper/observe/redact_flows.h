// The streams of a capture with their texts replaced: for each byte that was told, the byte that stands for
// it. Messages are replaced as a whole, once they are; what is no HTTP, or stands behind a hole, is replaced
// to the last byte. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"
#include "shaper/http/message_scanner.h"
#include "shaper/observe/reassembly.h"
#include "shaper/observe/redact_text.h"

namespace tasklane::observe {

class RedactedFlows : public StreamListener {
 public:
  RedactedFlows(std::vector<std::shared_ptr<const Pack>> packs, std::uint64_t secret_low,
                std::uint64_t secret_high);

  void on_flow(FlowId id, const FlowNames& names, Time now) override;
  void on_bytes(FlowId id, Side side, std::string_view bytes, const StreamPlace& place) override;
  void on_gap(FlowId id, Side side, std::uint64_t bytes, Time now) override;
  void on_end(FlowId id, Side side, Time now) override;
  void on_reset(FlowId id, Side side, Time now) override;
  void on_forgotten(FlowId id, Time now) override;

  // Up to where the direction's bytes are known; a flow that is over is known to its end.
  [[nodiscard]] std::uint64_t known_to(FlowId id, Side side) const;
  // What stands for so many bytes there.
  [[nodiscard]] std::string bytes(FlowId id, Side side, std::uint64_t offset, std::size_t count) const;
  // What lies far before will not be asked for again.
  void forget_before(FlowId id, Side side, std::uint64_t offset);
  // Replaces what has come of it so far, as if it were over.
  void settle(FlowId id);
  // A flow that is over may go: nothing will be asked of it any more.
  void let_go(FlowId id) { flows_.erase(id); }
  [[nodiscard]] bool is_over(FlowId id) const;

 private:
  struct Direction {
    std::uint64_t base = 0;  // offset of the first byte of `done`
    std::string done;        // replaced
    std::string message;     // of the message that is being read, as it came
    std::size_t fed = 0;     // of it, judged
    std::size_t head = 0;    // its length, once it is whole
    std::optional<RequestScanner> request;
    std::optional<ResponseScanner> answer;
    bool lost = false;
  };
  struct Flow {
    FlowNames names;
    std::optional<Side> client;
    std::array<Direction, 2> directions;
    std::deque<bool> heads_alone;  // of requests whose answers are to come: HEAD
    bool off = false;
    bool over = false;
  };

  void read(Flow& flow, Side side, const StreamPlace& place);
  bool begin(Flow& flow, Side side, const StreamPlace& place);
  template <class Scanner>
  bool scan(Direction& direction, std::optional<Scanner>& scanner, bool& whole);
  void request_done(Flow& flow, Direction& direction, Time now);
  void replace_message(Direction& direction, bool is_request, std::size_t length, Flow& flow, Time now);
  void replace_request(std::string& text, std::size_t head, const RequestHead& fields, const Flow& flow,
                       Time now);
  void replace_body(std::string& text, std::size_t begin, bool chunked, const RequestHead& fields,
                    const std::function<Spans(std::string_view)>& stays) const;
  Spans kept_of(const Classification& found, std::string_view text) const;
  void lose(Direction& direction);
  void finish(Flow& flow, Time now);

  std::vector<std::shared_ptr<const Pack>> packs_;
  TextHasher hasher_;
  TextRedactor text_;
  Classifier classifier_;
  BodyReader reader_;
  RequestId last_id_ = 0;
  std::unordered_map<FlowId, Flow> flows_;
};

}  // namespace tasklane::observe
