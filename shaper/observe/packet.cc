#include "shaper/observe/packet.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tasklane::observe {
namespace {

// EtherType numbers (IEEE 802).
constexpr unsigned type_ipv4 = 0x0800;
constexpr unsigned type_ipv6 = 0x86DD;
constexpr std::array<unsigned, 3> vlan_types{0x8100, 0x88A8, 0x9100};
constexpr unsigned any_ip = 0;  // the version in the header decides

// Protocol numbers (IANA).
constexpr unsigned protocol_tcp = 6;
constexpr unsigned hop_by_hop = 0, routing = 43, fragment_header = 44, destination_options = 60,
                   authentication = 51, mobility = 135, host_identity = 139, shim6 = 140;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool has(std::size_t at, std::size_t count) const {
    return at <= bytes_.size() && bytes_.size() - at >= count;
  }
  [[nodiscard]] unsigned byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }
  [[nodiscard]] unsigned two(std::size_t at) const { return byte(at) << 8U | byte(at + 1); }
  [[nodiscard]] std::uint32_t four(std::size_t at) const {
    return static_cast<std::uint32_t>(two(at)) << 16U | two(at + 2);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view from(std::size_t at, std::size_t count) const {
    return at >= bytes_.size() ? std::string_view() : bytes_.substr(at, count);
  }

 private:
  std::string_view bytes_;
};

struct Network {
  std::size_t at = 0;
  unsigned type = any_ip;
};

// Behind VLAN tags, as many as there are.
std::optional<Network> behind_tags(const Reader& frame, std::size_t at, unsigned type) {
  while (std::find(vlan_types.begin(), vlan_types.end(), type) != vlan_types.end()) {
    if (!frame.has(at, 4)) return std::nullopt;
    type = frame.two(at + 2);
    at += 4;
  }
  return Network{at, type};
}

std::optional<Network> network_in(LinkLayer link, const Reader& frame) {
  switch (link) {
    case LinkLayer::ethernet:
      if (!frame.has(0, 14)) return std::nullopt;
      return behind_tags(frame, 14, frame.two(12));
    case LinkLayer::null_loopback:
      if (!frame.has(0, 4)) return std::nullopt;
      return Network{4, any_ip};
    case LinkLayer::raw_ip:
      return Network{0, any_ip};
    case LinkLayer::cooked:
      if (!frame.has(0, 16)) return std::nullopt;
      return behind_tags(frame, 16, frame.two(14));
    case LinkLayer::cooked_2:
      if (!frame.has(0, 20)) return std::nullopt;
      return behind_tags(frame, 20, frame.two(0));
  }
  return std::nullopt;
}

struct Transport {
  FrameKind kind = FrameKind::malformed;
  std::size_t at = 0;
  std::size_t end = 0;  // of the packet on the wire, as an offset in the frame
  IpBytes source{}, destination{};
  bool routed = false;
};

IpBytes mapped(const Reader& frame, std::size_t at) {
  IpBytes address{};
  address[10] = address[11] = 0xFF;
  for (std::size_t i = 0; i < 4; ++i) address[12 + i] = static_cast<std::uint8_t>(frame.byte(at + i));
  return address;
}

IpBytes whole(const Reader& frame, std::size_t at) {
  IpBytes address{};
  for (std::size_t i = 0; i < 16; ++i) address[i] = static_cast<std::uint8_t>(frame.byte(at + i));
  return address;
}

// A total length of 0 is a packet that the network card is to cut (segmentation offload past 64 KiB): it is
// as long as the frame.
Transport in_ipv4(const Reader& frame, std::size_t at, std::size_t wire_length) {
  Transport found;
  if (!frame.has(at, 20)) return found;
  const std::size_t header = std::size_t{4} * (frame.byte(at) & 0xFU);
  const std::size_t total = frame.two(at + 2);
  if (header < 20 || (total != 0 && total < header) || !frame.has(at, header)) return found;
  found.source = mapped(frame, at + 12);
  found.destination = mapped(frame, at + 16);
  found.at = at + header;
  found.end = total == 0 ? wire_length : at + total;
  const unsigned fragment = frame.two(at + 6);
  if ((fragment & 0x3FFFU) != 0)
    found.kind = FrameKind::fragment;
  else
    found.kind = frame.byte(at + 9) == protocol_tcp ? FrameKind::tcp : FrameKind::other_protocol;
  return found;
}

Transport in_ipv6(const Reader& frame, std::size_t at, std::size_t wire_length) {
  Transport found;
  if (!frame.has(at, 40)) return found;
  found.source = whole(frame, at + 8);
  found.destination = whole(frame, at + 24);
  const std::size_t length = frame.two(at + 4);
  found.end = length == 0 ? wire_length : at + 40 + length;  // 0: a jumbogram (RFC 2675)
  unsigned next = frame.byte(at + 6);
  at += 40;
  constexpr int most_headers = 16;
  for (int i = 0; i < most_headers; ++i) {
    if (next == protocol_tcp) {
      found.kind = FrameKind::tcp;
      found.at = at;
      return found;
    }
    const bool extends = next == hop_by_hop || next == routing || next == destination_options ||
                         next == mobility || next == host_identity || next == shim6 ||
                         next == authentication || next == fragment_header;
    if (!extends) {
      found.kind = FrameKind::other_protocol;
      return found;
    }
    if (!frame.has(at, 8)) return found;
    found.routed = found.routed || next == routing;
    // An atomic fragment (RFC 6946) is a whole packet.
    if (next == fragment_header && (frame.two(at + 2) & 0xFFF9U) != 0) {
      found.kind = FrameKind::fragment;
      return found;
    }
    const std::size_t units = frame.byte(at + 1);
    const std::size_t size =
        next == authentication ? (units + 2) * 4 : (next == fragment_header ? 8 : (units + 1) * 8);
    next = frame.byte(at);
    at += size;
  }
  return found;
}

bool read_segment(const Reader& frame, const Transport& transport, std::size_t wire_length,
                  Segment& segment) {
  const std::size_t at = transport.at;
  if (!frame.has(at, 20)) return false;
  const std::size_t header = std::size_t{4} * (frame.byte(at + 12) >> 4U);
  if (header < 20 || at + header > transport.end || !frame.has(at, header)) return false;
  const unsigned flags = frame.byte(at + 13);
  segment.source = {transport.source, static_cast<std::uint16_t>(frame.two(at))};
  segment.destination = {transport.destination, static_cast<std::uint16_t>(frame.two(at + 2))};
  segment.sequence = frame.four(at + 4);
  segment.acknowledged = frame.four(at + 8);
  segment.flags = {(flags & 1U) != 0, (flags & 2U) != 0, (flags & 4U) != 0, (flags & 16U) != 0};
  segment.transport_at = at;
  segment.payload_at = at + header;
  segment.routed_by_header = transport.routed;
  const std::size_t on_wire =
      std::min(transport.end, wire_length) - std::min(segment.payload_at, wire_length);
  segment.payload = frame.from(segment.payload_at, on_wire);
  segment.cut =
      static_cast<std::uint32_t>(std::min<std::size_t>(on_wire - segment.payload.size(), 1U << 30U));
  return true;
}

}  // namespace

std::optional<LinkLayer> link_layer_of(int number) {
  switch (number) {
    case 1:
      return LinkLayer::ethernet;
    case 0:
    case 108:
      return LinkLayer::null_loopback;
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return LinkLayer::raw_ip;
    case 113:
      return LinkLayer::cooked;
    case 276:
      return LinkLayer::cooked_2;
    default:
      return std::nullopt;
  }
}

bool is_ipv4(const IpBytes& address) {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

std::string address_text(const IpBytes& address) {
  char text[48];
  if (is_ipv4(address)) {
    std::snprintf(text, sizeof(text), "%u.%u.%u.%u", address[12], address[13], address[14], address[15]);
    return text;
  }
  // RFC 5952: the longest run of zeros is left out.
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = unsigned{address[2 * i]} << 8U | address[2 * i + 1];
  std::size_t best = 8, best_length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t length = 0;
    while (i + length < 8 && groups[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    std::snprintf(text, sizeof(text), "%x", groups[i]);
    out += text;
  }
  return out;
}

Frame read_frame(LinkLayer link, std::string_view bytes, std::size_t wire_length) {
  Frame result;
  const Reader frame(bytes);
  wire_length = std::max(wire_length, bytes.size());
  const std::optional<Network> network = network_in(link, frame);
  if (!network || !frame.has(network->at, 1)) return result;
  const unsigned version = frame.byte(network->at) >> 4U;
  const bool ipv4 = network->type == type_ipv4 || (network->type == any_ip && version == 4);
  const bool ipv6 = network->type == type_ipv6 || (network->type == any_ip && version == 6);
  if (!ipv4 && !ipv6) {
    result.kind = FrameKind::other_protocol;
    return result;
  }
  if (version != (ipv4 ? 4U : 6U)) return result;
  const Transport transport =
      ipv4 ? in_ipv4(frame, network->at, wire_length) : in_ipv6(frame, network->at, wire_length);
  result.kind = transport.kind;
  if (result.kind != FrameKind::tcp) return result;
  result.segment.network_at = network->at;
  if (!read_segment(frame, transport, wire_length, result.segment)) result.kind = FrameKind::malformed;
  return result;
}

}  // namespace tasklane::observe
