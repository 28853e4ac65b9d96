#include "shaper/observe/redactor.h"

#include <algorithm>
#include <utility>

namespace tasklane::observe {
namespace {

constexpr std::size_t most_waiting = std::size_t{256} << 20U;  // bytes of packets

void put_two(std::string& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<char>(value >> 8U & 0xFFU);
  frame[at + 1] = static_cast<char>(value & 0xFFU);
}

// RFC 1071, without its last step.
std::uint64_t sum_of(std::string_view bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << 8U |
           static_cast<unsigned char>(bytes[i + 1]);
  if (bytes.size() % 2 != 0)
    sum += static_cast<std::uint64_t>(static_cast<unsigned char>(bytes.back())) << 8U;
  return sum;
}
unsigned checksum_of(std::uint64_t sum) {
  while (sum >> 16U != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<unsigned>(~sum & 0xFFFFU);
}

std::string wire_form(const IpBytes& address, bool ipv4) {
  const char* const bytes = reinterpret_cast<const char*>(address.data());
  return ipv4 ? std::string(bytes + 12, 4) : std::string(bytes, 16);
}

// Hardware addresses say whose machine it was.
void blank_link(LinkLayer link, std::string& frame) {
  if (link == LinkLayer::ethernet) std::fill_n(frame.begin(), 12, '\0');
  if (link == LinkLayer::cooked) std::fill_n(frame.begin() + 6, 8, '\0');
  if (link == LinkLayer::cooked_2) std::fill_n(frame.begin() + 12, 8, '\0');
}

}  // namespace

Redactor::Redactor(std::vector<std::shared_ptr<const Pack>> packs, std::uint64_t secret_low,
                   std::uint64_t secret_high, Give give)
    : flows_(std::move(packs), secret_low, secret_high), reassembly_(flows_), give_(std::move(give)) {}

void Redactor::feed(LinkLayer link, std::string_view bytes, std::size_t wire_length, Time at) {
  now_ = std::max(now_, at);
  const Frame frame = read_frame(link, bytes, wire_length);
  if (frame.kind != FrameKind::tcp || frame.segment.routed_by_header) {
    ++left_out_;
    return;
  }
  const Segment& segment = frame.segment;
  Waiting packet{std::string(bytes),
                 wire_length,
                 at,
                 link,
                 segment.network_at,
                 segment.transport_at,
                 segment.payload_at,
                 segment.payload.size(),
                 segment.source,
                 segment.destination,
                 {}};
  packet.frame.resize(segment.payload_at + segment.payload.size());  // without padding
  packet.wire_length = packet.frame.size() + segment.cut;
  packet.place = reassembly_.feed(segment, now_);
  waiting_bytes_ += packet.frame.size();
  waiting_.push_back(std::move(packet));
  constexpr Duration often = std::chrono::seconds(1);
  if (now_ - ticked_ >= often) {
    ticked_ = now_;
    reassembly_.tick(now_);
  }
  give_what_is_known();
}

void Redactor::finish() {
  reassembly_.finish(now_);
  give_what_is_known();
}

void Redactor::give_what_is_known() {
  while (!waiting_.empty()) {
    Waiting& front = waiting_.front();
    const bool asks = front.payload > 0 && front.place.flow != 0 && front.place.offset;
    if (asks && flows_.known_to(front.place.flow, front.place.side) < *front.place.offset + front.payload) {
      if (waiting_bytes_ <= most_waiting) return;
      flows_.settle(front.place.flow);
    }
    give(front);
    waiting_bytes_ -= front.frame.size();
    waiting_.pop_front();
  }
}

const IpBytes& Redactor::pseudonym(const IpBytes& address) {
  const auto [found, is_new] = pseudonyms_.try_emplace(address);
  if (!is_new) return found->second;
  IpBytes& stands = found->second;
  // 198.18.0.0/15 (RFC 2544) and 2001:db8::/32 (RFC 3849) belong to nobody.
  if (is_ipv4(address)) {
    const std::uint32_t number = 0xC6120000U + (++last_ipv4_ & 0x1FFFFU);
    stands = address;
    for (std::size_t i = 0; i < 4; ++i) stands[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  } else {
    const std::uint32_t number = ++last_ipv6_;
    stands = {0x20, 0x01, 0x0D, 0xB8};
    for (std::size_t i = 0; i < 4; ++i) stands[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  }
  return stands;
}

void Redactor::give(Waiting& packet) {
  std::string& frame = packet.frame;
  if (packet.payload > 0) {
    const std::string text =
        packet.place.flow != 0 && packet.place.offset
            ? flows_.bytes(packet.place.flow, packet.place.side, *packet.place.offset, packet.payload)
            : std::string(packet.payload, 'x');
    frame.replace(packet.payload_at, packet.payload, text);
    if (packet.place.offset) flows_.forget_before(packet.place.flow, packet.place.side, *packet.place.offset);
  }
  blank_link(packet.link, frame);
  const bool ipv4 = (static_cast<unsigned char>(frame[packet.network_at]) >> 4U) == 4;
  const std::string source = wire_form(pseudonym(packet.source.address), ipv4);
  const std::string destination = wire_form(pseudonym(packet.destination.address), ipv4);
  const std::size_t at = packet.network_at;
  frame.replace(at + (ipv4 ? 12 : 8), source.size(), source);
  frame.replace(at + (ipv4 ? 16 : 24), destination.size(), destination);
  if (ipv4) {
    constexpr char no_operation = '\1';  // options may hold addresses
    std::fill(frame.begin() + static_cast<std::ptrdiff_t>(at + 20),
              frame.begin() + static_cast<std::ptrdiff_t>(packet.transport_at), no_operation);
    put_two(frame, at + 10, 0);
    put_two(frame, at + 10,
            checksum_of(sum_of(std::string_view(frame).substr(at, packet.transport_at - at))));
  }
  constexpr unsigned tcp = 6;
  put_two(frame, packet.transport_at + 16, 0);
  const std::string_view segment = std::string_view(frame).substr(packet.transport_at);
  put_two(frame, packet.transport_at + 16,
          checksum_of(sum_of(source) + sum_of(destination) + tcp + segment.size() + sum_of(segment)));
  give_(frame, packet.wire_length, packet.at);
}

}  // namespace tasklane::observe
