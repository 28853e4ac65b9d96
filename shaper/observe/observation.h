// Packets in, picture out: frames are read, streams put together, exchanges observed. One object for a file,
// a live capture and a fuzzer.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include "shaper/observe/observer.h"
#include "shaper/observe/reassembly.h"

namespace tasklane::observe {

struct FrameCounts {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // on the wire
  std::uint64_t tcp = 0;
  std::uint64_t other_protocol = 0, fragments = 0, malformed = 0;
};

class Observation {
 public:
  // `ports`: of servers; empty: any.
  Observation(ObserverOptions options, std::set<std::uint16_t> ports, ReassemblyLimits limits = {});

  // `at` may jump back a little, as captures do: time then stands still.
  void feed(LinkLayer link, std::string_view frame, std::size_t wire_length, Time at);
  // Live, between packets: a moment before now, for packets that are on their way here.
  void tick(Time now);
  void finish();

  [[nodiscard]] const Observer& observer() const { return observer_; }
  Observer& observer() { return observer_; }
  [[nodiscard]] const FrameCounts& frames() const { return frames_; }
  [[nodiscard]] const ReassemblyCounts& streams() const { return reassembly_.counts(); }
  [[nodiscard]] const HttpCounts& http() const { return http_.counts(); }
  // From the first segment to the last.
  [[nodiscard]] std::optional<Time> began() const { return began_; }
  [[nodiscard]] Duration lasted() const { return began_ ? last_ - *began_ : Duration{}; }

 private:
  std::set<std::uint16_t> ports_;
  Observer observer_;
  HttpFlows http_;
  Reassembly reassembly_;
  FrameCounts frames_;
  std::optional<Time> began_;
  Time now_{}, last_{}, ticked_{};
};

}  // namespace tasklane::observe
