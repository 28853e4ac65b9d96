// TCP streams put together from segments as a capture holds them: out of order, twice, with holes, begun in
// the middle, one direction alone. What is told is in order and once; what is missing is told as a gap, never
// guessed.
//
//   overlap      the first copy of a byte wins, as in Linux; what comes again is counted
//   loss         a hole is waited for. It is given up when its receiver has acknowledged what lies behind it
//                (so the capture alone has lost it) and a moment has passed, for the two directions of a
//                capture need not be in order to each other; when nobody acknowledges (one direction alone
//                was captured) after a longer time; when too much has piled up behind it; at the stream's end
//   FIN          counts at its place in the stream: data that comes behind an early one is not lost
//   the middle   a stream that was not seen to begin starts with the first bytes that are seen of it
//
// Bounded for each flow and in all. Takes the time as it is given, in the order of the capture; not
// thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shaper/base/time.h"
#include "shaper/observe/packet.h"

namespace tasklane::observe {

// Counts up, never used again.
using FlowId = std::uint64_t;

// The two directions of a flow: what its opener sends and what it is sent. Where nobody was seen to open it,
// the one whose first segment came first is taken for the opener.
enum class Side : std::uint8_t { opener, acceptor };
constexpr Side other(Side side) { return side == Side::opener ? Side::acceptor : Side::opener; }
constexpr std::size_t index(Side side) { return side == Side::opener ? 0 : 1; }

struct FlowNames {
  SocketName opener, acceptor;
  bool seen_to_open = false;  // by a SYN: else the sides may be the wrong way round
};

// Where bytes stood.
struct StreamPlace {
  Time at;                         // when their segment came
  bool begins_segment = false;     // the first of them began it
  std::uint64_t offset = 0;        // in the stream
  std::uint64_t acknowledged = 0;  // of the other direction's stream, by their sender; 0: not known
};

// Where a segment stands: the flow (0: one that is not told), the direction, and the offset of its first byte
// in the stream; none: before what is known of it.
struct Fed {
  FlowId flow = 0;
  Side side = Side::opener;
  std::optional<std::uint64_t> offset;
};

class StreamListener {
 public:
  virtual ~StreamListener() = default;
  virtual void on_flow(FlowId, const FlowNames&, Time) {}
  virtual void on_bytes(FlowId, Side, std::string_view bytes, const StreamPlace&) = 0;
  virtual void on_gap(FlowId, Side, std::uint64_t bytes, Time) = 0;
  virtual void on_end(FlowId, Side, Time) {}    // FIN, with all before it told
  virtual void on_reset(FlowId, Side, Time) {}  // by that side; it ends both directions
  virtual void on_forgotten(FlowId, Time) = 0;  // nothing more will be told of it
};

struct ReassemblyLimits {
  std::size_t flow_bytes = std::size_t{4} << 20U;  // held behind a hole
  std::size_t all_bytes = std::size_t{64} << 20U;
  std::size_t flows = 65536;
  Duration idle = std::chrono::minutes(10);
  Duration late = std::chrono::seconds(1);          // an acknowledged hole is waited for so long
  Duration one_way_late = std::chrono::seconds(5);  // and one of which nobody says anything
  Duration linger = std::chrono::seconds(10);       // a closed flow is known so long
};

struct ReassemblyCounts {
  std::uint64_t flows = 0;
  std::uint64_t begun_in_the_middle = 0;
  std::uint64_t out_of_order = 0;  // segments
  std::uint64_t again = 0;         // segments of which nothing was new
  std::uint64_t overlaps = 0;      // segments of which some was new
  std::uint64_t keep_alives = 0;   // probes (RFC 1122 section 4.2.3.6)
  std::uint64_t gaps = 0;
  std::uint64_t gap_bytes = 0;
  std::uint64_t resets = 0;
  std::uint64_t forgotten_for_room = 0;  // flows
  std::uint64_t mirrored = 0;            // connections seen once more behind an address translation
};

class Reassembly {
 public:
  explicit Reassembly(StreamListener& listener, ReassemblyLimits limits = {})
      : listener_(listener), limits_(limits) {}

  // Says where the segment's bytes stand.
  Fed feed(const Segment& segment, Time now);
  // What time alone brings; about once a second of the capture.
  void tick(Time now);
  // The capture is over: what lies behind holes is told, and every flow forgotten.
  void finish(Time now);

  [[nodiscard]] const ReassemblyCounts& counts() const { return counts_; }
  [[nodiscard]] std::size_t held_bytes() const { return held_; }
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }

 private:
  struct Piece {
    std::string bytes;
    std::uint64_t cut = 0;  // missing right behind them, for the capture kept the beginning alone
    StreamPlace place;
  };
  struct Half {
    bool known = false;      // `next` is
    std::uint64_t next = 0;  // offset of the first byte that has not been told
    std::uint32_t base = 0;  // sequence number of offset 0
    std::map<std::uint64_t, Piece> ahead;
    std::size_t held = 0;
    std::optional<Time> hole_since;
    std::uint64_t acknowledged = 0;  // by the other side
    bool heard = false;              // the other side acknowledges at all
    std::optional<std::uint64_t> fin;
    bool ended = false;
  };
  struct Key {
    SocketName low, high;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Flow {
    FlowId id = 0;
    Key key;
    FlowNames names;
    std::array<Half, 2> halves;
    Time last{};
    std::optional<Time> closed;
    bool mirror = false;  // of another flow: nothing is told
  };
  using Flows = std::list<Flow>;  // least recently used first

  Flow& flow_of(const Segment& segment, Time now);
  Flow& open(const Segment& segment, const Key& key, Time now);
  [[nodiscard]] bool is_mirror(const Segment& segment, Time now);
  void take(Flow& flow, Side side, const Segment& segment, Time now);
  void take_payload(Flow& flow, Side side, std::uint64_t begin, const Segment& segment, Time now);
  void keep(Flow& flow, Side side, std::uint64_t begin, const Segment& segment, const StreamPlace& place);
  void tell(Flow& flow, Side side, std::string_view bytes, std::uint64_t cut, const StreamPlace& place);
  void tell_ahead(Flow& flow, Side side);
  void end_where_due(Flow& flow, Side side, Time now);
  void gap(Flow& flow, Side side, std::uint64_t bytes, Time now);
  void give_up_hole(Flow& flow, Side side, Time now);
  void give_up_late(Flow& flow, Time now);
  void give_up_for_room(Flow& flow, Side side, Time now);
  void reset(Flow& flow, Side side, const Segment& segment, Time now);
  void drain(Flow& flow, Time now);
  void forget(Flows::iterator flow, Time now);
  [[nodiscard]] static std::optional<std::uint64_t> offset_of(const Half& half, std::uint32_t sequence);

  StreamListener& listener_;
  ReassemblyLimits limits_;
  ReassemblyCounts counts_;
  Flows flows_;
  std::unordered_map<Key, Flows::iterator, KeyHash> by_key_;
  struct Opened {
    SocketName acceptor;
    std::uint32_t sequence = 0;
    Time at{};
  };
  std::map<SocketName, Opened> opened_;      // by opener, for a moment
  std::map<FlowId, Flows::iterator> holes_;  // flows in which something lies behind a hole
  std::size_t held_ = 0;
  FlowId last_id_ = 0;
};

}  // namespace tasklane::observe
