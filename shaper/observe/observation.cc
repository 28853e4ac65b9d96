#include "shaper/observe/observation.h"

#include <algorithm>
#include <utility>

namespace tasklane::observe {

Observation::Observation(ObserverOptions options, std::set<std::uint16_t> ports, ReassemblyLimits limits)
    : ports_(std::move(ports)), observer_(std::move(options)), http_(observer_), reassembly_(http_, limits) {}

void Observation::feed(LinkLayer link, std::string_view bytes, std::size_t wire_length, Time at) {
  if (frames_.packets == 0) ticked_ = at;
  now_ = std::max(now_, at);
  ++frames_.packets;
  frames_.bytes += wire_length;
  const Frame frame = read_frame(link, bytes, wire_length);
  switch (frame.kind) {
    case FrameKind::tcp:
      ++frames_.tcp;
      if (!began_) began_ = now_;
      last_ = now_;
      if (ports_.empty() || ports_.count(frame.segment.source.port) > 0 ||
          ports_.count(frame.segment.destination.port) > 0)
        reassembly_.feed(frame.segment, now_);
      break;
    case FrameKind::other_protocol:
      ++frames_.other_protocol;
      break;
    case FrameKind::fragment:
      ++frames_.fragments;
      break;
    case FrameKind::malformed:
      ++frames_.malformed;
      break;
  }
  tick(now_);
}

void Observation::tick(Time now) {
  constexpr Duration often = std::chrono::seconds(1);
  if (now - ticked_ < often) return;
  ticked_ = now;
  reassembly_.tick(now);
}

void Observation::finish() { reassembly_.finish(now_); }

}  // namespace tasklane::observe
