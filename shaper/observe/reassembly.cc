#include "shaper/observe/reassembly.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace tasklane::observe {
namespace {

// How far ahead of what was told a segment may lie: no window is larger (RFC 7323 section 2.3).
constexpr std::int64_t farthest = std::int64_t{1} << 30U;

// A connection that was seen to open elsewhere a moment ago is the same one.
constexpr Duration mirror_window = std::chrono::seconds(1);
constexpr std::size_t most_opened = 4096;

std::uint64_t hash_of(const SocketName& name) {
  std::uint64_t hash = name.port;
  for (const std::uint8_t byte : name.address) hash = (hash ^ byte) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::size_t Reassembly::KeyHash::operator()(const Key& key) const noexcept {
  return static_cast<std::size_t>(hash_of(key.low) * 31 + hash_of(key.high));
}

std::optional<std::uint64_t> Reassembly::offset_of(const Half& half, std::uint32_t sequence) {
  const auto expected = static_cast<std::uint32_t>(half.base + half.next);
  const auto distance = static_cast<std::int32_t>(sequence - expected);
  if (distance >= farthest) return std::nullopt;
  const auto offset = static_cast<std::int64_t>(half.next) + distance;
  if (offset < 0) return std::nullopt;
  return static_cast<std::uint64_t>(offset);
}

Reassembly::Flow& Reassembly::flow_of(const Segment& segment, Time now) {
  const bool low_first = segment.source < segment.destination;
  const Key key{low_first ? segment.source : segment.destination,
                low_first ? segment.destination : segment.source};
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return open(segment, key, now);
  Flow& flow = *found->second;
  // A new connection between the same two sockets.
  const bool opens = segment.flags.syn && !segment.flags.ack && !segment.flags.rst;
  const Side side = segment.source == flow.names.opener ? Side::opener : Side::acceptor;
  const Half& half = flow.halves[index(side)];
  const bool anew = opens && half.known && half.base != segment.sequence + 1;
  if (anew) {
    forget(found->second, now);
    return open(segment, key, now);
  }
  flows_.splice(flows_.end(), flows_, found->second);
  flow.last = now;
  return flow;
}

// Behind an address translation (a container's published port) the kernel shows a connection once more, from
// the same socket and with the same numbers, to another address.
bool Reassembly::is_mirror(const Segment& segment, Time now) {
  if (opened_.size() >= most_opened)
    std::erase_if(opened_, [&](const auto& each) { return each.second.at + mirror_window < now; });
  if (opened_.size() >= most_opened) opened_.clear();
  const auto [found, is_new] =
      opened_.try_emplace(segment.source, Opened{segment.destination, segment.sequence, now});
  if (is_new) return false;
  Opened& before = found->second;
  if (before.sequence == segment.sequence && before.acceptor != segment.destination &&
      before.at + mirror_window >= now)
    return true;
  before = {segment.destination, segment.sequence, now};
  return false;
}

Reassembly::Flow& Reassembly::open(const Segment& segment, const Key& key, Time now) {
  while (flows_.size() >= limits_.flows) {
    ++counts_.forgotten_for_room;
    forget(flows_.begin(), now);
  }
  Flow& flow = flows_.emplace_back();
  flow.id = ++last_id_;
  flow.key = key;
  flow.last = now;
  const bool syn = segment.flags.syn;
  const bool answers = syn && segment.flags.ack;
  flow.names = {segment.source, segment.destination, syn};
  if (answers) std::swap(flow.names.opener, flow.names.acceptor);
  by_key_[key] = std::prev(flows_.end());
  flow.mirror = syn && !answers && is_mirror(segment, now);
  if (flow.mirror) {
    ++counts_.mirrored;
    return flow;
  }
  ++counts_.flows;
  if (!syn) ++counts_.begun_in_the_middle;
  listener_.on_flow(flow.id, flow.names, now);
  return flow;
}

Fed Reassembly::feed(const Segment& segment, Time now) {
  Flow& flow = flow_of(segment, now);
  if (flow.mirror) {
    if (segment.flags.fin || segment.flags.rst) flow.closed = now;
    return {};
  }
  const Side side = segment.source == flow.names.opener ? Side::opener : Side::acceptor;
  if (segment.flags.rst)
    reset(flow, side, segment, now);
  else
    take(flow, side, segment, now);
  const Half& half = flow.halves[index(side)];
  Fed fed{flow.id, side, std::nullopt};
  if (half.known) fed.offset = offset_of(half, segment.sequence + (segment.flags.syn ? 1U : 0U));
  return fed;
}

void Reassembly::take(Flow& flow, Side side, const Segment& segment, Time now) {
  Half& half = flow.halves[index(side)];
  Half& far = flow.halves[index(other(side))];
  if (segment.flags.syn && !half.known) {
    half.known = true;
    half.base = segment.sequence + 1;
  } else if (!half.known) {
    half.known = true;
    half.base = segment.sequence;
  }
  // The answer to the opening was not captured: what acknowledges it tells its number.
  if (segment.flags.ack && !far.known && flow.names.seen_to_open) {
    far.known = true;
    far.base = segment.acknowledged;
  }
  if (segment.flags.ack && far.known) {
    far.heard = true;
    if (const auto upto = offset_of(far, segment.acknowledged))
      far.acknowledged = std::max(far.acknowledged, *upto);
  }
  const std::uint32_t first = segment.sequence + (segment.flags.syn ? 1U : 0U);
  const auto begin = offset_of(half, first);
  const std::uint64_t length = segment.payload.size() + segment.cut;
  const bool probe = length <= 1 && half.next > 0 &&
                     first == static_cast<std::uint32_t>(half.base + half.next - 1) && !segment.flags.syn &&
                     !segment.flags.fin;
  if (probe) ++counts_.keep_alives;
  if (begin && !half.ended && !probe) {
    if (segment.flags.fin && !half.fin) half.fin = *begin + length;
    if (length > 0) take_payload(flow, side, *begin, segment, now);
  } else if (length > 0 && !probe) {
    ++counts_.again;
  }
  if (!flow.halves[0].ahead.empty() || !flow.halves[1].ahead.empty()) give_up_late(flow, now);
  end_where_due(flow, side, now);
}

void Reassembly::take_payload(Flow& flow, Side side, std::uint64_t begin, const Segment& segment, Time now) {
  Half& half = flow.halves[index(side)];
  const Half& far = flow.halves[index(other(side))];
  StreamPlace place{now, true, begin, 0};
  if (segment.flags.ack && far.known) place.acknowledged = offset_of(far, segment.acknowledged).value_or(0);
  const std::uint64_t end = begin + segment.payload.size() + segment.cut;
  if (end <= half.next) {
    ++counts_.again;
    return;
  }
  if (begin > half.next) {
    ++counts_.out_of_order;
    keep(flow, side, begin, segment, place);
    return give_up_for_room(flow, side, now);
  }
  const bool overlap = begin < half.next;
  if (overlap) ++counts_.overlaps;
  if (half.ahead.empty() && !overlap) return tell(flow, side, segment.payload, segment.cut, place);
  keep(flow, side, begin, segment, place);
  tell_ahead(flow, side);
}

// Only what is not there yet: between the pieces that are.
void Reassembly::keep(Flow& flow, Side side, std::uint64_t begin, const Segment& segment,
                      const StreamPlace& place) {
  Half& half = flow.halves[index(side)];
  const std::uint64_t end = begin + segment.payload.size();
  std::uint64_t at = std::max(begin, half.next);
  bool any = false;
  bool overlaps = false;
  auto piece = half.ahead.upper_bound(at);
  if (piece != half.ahead.begin()) {
    const auto before = std::prev(piece);
    const std::uint64_t covered = before->first + before->second.bytes.size();
    if (covered > at) {
      overlaps = true;
      at = covered;
    }
  }
  while (at < end) {
    const std::uint64_t until = piece == half.ahead.end() ? end : std::min(end, piece->first);
    if (until > at) {
      StreamPlace where = place;
      where.begins_segment = at == begin;
      where.offset = at;
      const std::uint64_t cut = until == end ? segment.cut : 0;
      const auto from = static_cast<std::size_t>(at - begin);
      half.ahead.emplace(
          at,
          Piece{std::string(segment.payload.substr(from, static_cast<std::size_t>(until - at))), cut, where});
      half.held += static_cast<std::size_t>(until - at);
      held_ += static_cast<std::size_t>(until - at);
      any = true;
    }
    if (piece == half.ahead.end() || piece->first >= end) break;
    overlaps = true;
    at = std::max(at, piece->first + piece->second.bytes.size());
    ++piece;
  }
  if (!any && begin > half.next) ++counts_.again;
  if (any && overlaps && begin > half.next) ++counts_.overlaps;
  if (any && half.ahead.begin()->first > half.next && !half.hole_since) half.hole_since = place.at;
  if (!half.ahead.empty()) holes_.emplace(flow.id, by_key_.at(flow.key));
}

void Reassembly::tell(Flow& flow, Side side, std::string_view bytes, std::uint64_t cut,
                      const StreamPlace& place) {
  Half& half = flow.halves[index(side)];
  half.next += bytes.size();
  if (!bytes.empty()) listener_.on_bytes(flow.id, side, bytes, place);
  if (cut > 0) gap(flow, side, cut, place.at);
}

// The pieces that now follow without a hole.
void Reassembly::tell_ahead(Flow& flow, Side side) {
  Half& half = flow.halves[index(side)];
  while (!half.ahead.empty() && half.ahead.begin()->first <= half.next) {
    auto node = half.ahead.extract(half.ahead.begin());
    Piece& piece = node.mapped();
    half.held -= piece.bytes.size();
    held_ -= piece.bytes.size();
    const auto told =
        static_cast<std::size_t>(std::min<std::uint64_t>(half.next - node.key(), piece.bytes.size()));
    if (told > 0) piece.place.begins_segment = false;
    piece.place.offset += told;
    tell(flow, side, std::string_view(piece.bytes).substr(told), piece.cut, piece.place);
  }
  if (half.ahead.empty()) {
    half.hole_since.reset();
    if (flow.halves[index(other(side))].ahead.empty()) holes_.erase(flow.id);
  }
}

void Reassembly::gap(Flow& flow, Side side, std::uint64_t bytes, Time now) {
  ++counts_.gaps;
  counts_.gap_bytes += bytes;
  flow.halves[index(side)].next += bytes;
  listener_.on_gap(flow.id, side, bytes, now);
}

void Reassembly::give_up_hole(Flow& flow, Side side, Time now) {
  Half& half = flow.halves[index(side)];
  if (half.ahead.empty()) return;
  if (half.ahead.begin()->first > half.next) gap(flow, side, half.ahead.begin()->first - half.next, now);
  half.hole_since.reset();
  tell_ahead(flow, side);
  if (!half.ahead.empty()) half.hole_since = half.ahead.begin()->second.place.at;
}

void Reassembly::give_up_late(Flow& flow, Time now) {
  for (const Side side : {Side::opener, Side::acceptor}) {
    Half& half = flow.halves[index(side)];
    while (!half.ahead.empty() && half.hole_since) {
      const bool received = half.acknowledged >= half.ahead.begin()->first && half.heard;
      const Duration patience = received ? limits_.late : limits_.one_way_late;
      // While its receiver does not acknowledge it, it is on its way, however long that takes.
      if (half.heard && !received) break;
      if (now - *half.hole_since < patience) break;
      give_up_hole(flow, side, now);
    }
    end_where_due(flow, side, now);
  }
}

void Reassembly::give_up_for_room(Flow& flow, Side side, Time now) {
  while (flow.halves[index(side)].held > limits_.flow_bytes) give_up_hole(flow, side, now);
  while (held_ > limits_.all_bytes && !holes_.empty()) {
    Flow& oldest = *holes_.begin()->second;
    const std::size_t before = held_;
    drain(oldest, now);
    if (held_ == before) break;
  }
}

void Reassembly::end_where_due(Flow& flow, Side side, Time now) {
  Half& half = flow.halves[index(side)];
  if (half.ended || !half.fin || half.next < *half.fin) return;
  half.ended = true;
  listener_.on_end(flow.id, side, now);
  if (flow.halves[0].ended && flow.halves[1].ended) flow.closed = now;
}

// One that lies far from what was told is not the connection's own (RFC 5961 section 3).
void Reassembly::reset(Flow& flow, Side side, const Segment& segment, Time now) {
  const Half& half = flow.halves[index(side)];
  constexpr std::uint64_t near = std::uint64_t{1} << 20U;
  if (half.known && !flow.closed) {
    const auto offset = offset_of(half, segment.sequence);
    const std::uint64_t seen = half.ahead.empty() ? half.next
                                                  : std::prev(half.ahead.end())->first +
                                                        std::prev(half.ahead.end())->second.bytes.size();
    if (!offset || *offset > seen + near) return;
  }
  if (flow.closed) return;
  ++counts_.resets;
  drain(flow, now);
  flow.closed = now;
  for (Half& each : flow.halves) each.ended = true;
  listener_.on_reset(flow.id, side, now);
}

void Reassembly::drain(Flow& flow, Time now) {
  for (const Side side : {Side::opener, Side::acceptor}) {
    while (!flow.halves[index(side)].ahead.empty()) give_up_hole(flow, side, now);
    end_where_due(flow, side, now);
  }
}

void Reassembly::tick(Time now) {
  std::vector<Flow*> late;
  late.reserve(holes_.size());
  for (const auto& [id, flow] : holes_) late.push_back(&*flow);
  for (Flow* const flow : late) give_up_late(*flow, now);
  // Least recently used first; closed ones go sooner, and stand among the others.
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const auto next = std::next(flow);
    const bool idle = now - flow->last > limits_.idle;
    const bool over = flow->closed && now - *flow->closed > limits_.linger;
    if (idle || over)
      forget(flow, now);
    else if (now - flow->last <= limits_.linger)
      break;
    flow = next;
  }
}

void Reassembly::finish(Time now) {
  while (!flows_.empty()) forget(flows_.begin(), now);
}

void Reassembly::forget(Flows::iterator flow, Time now) {
  if (!flow->mirror) {
    drain(*flow, now);
    listener_.on_forgotten(flow->id, now);
  }
  holes_.erase(flow->id);
  by_key_.erase(flow->key);
  flows_.erase(flow);
}

}  // namespace tasklane::observe
