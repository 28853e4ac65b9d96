// From a captured frame to its TCP segment: link layers as libpcap names them, VLAN tags, IPv4, IPv6 with its
// extension headers. Pure; every byte is bounds-checked, for a capture may hold anything.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/ip_network.h"

namespace tasklane::observe {

// What stands in front of the network layer. Numbers: https://www.tcpdump.org/linktypes.html
enum class LinkLayer : std::uint8_t {
  ethernet,
  null_loopback,  // four bytes of address family, in the order of the host that captured
  raw_ip,
  cooked,    // Linux "any", version 1 (SLL)
  cooked_2,  // and version 2 (SLL2)
};

// By libpcap's DLT_ or LINKTYPE_ number; nothing for those that are not read here.
std::optional<LinkLayer> link_layer_of(int number);

// One end of a connection.
struct SocketName {
  IpBytes address{};
  std::uint16_t port = 0;
  auto operator<=>(const SocketName&) const = default;
};
// "127.0.0.1", "fd00::1".
std::string address_text(const IpBytes& address);
bool is_ipv4(const IpBytes& address);

struct TcpFlags {
  bool fin = false, syn = false, rst = false, ack = false;
};

struct Segment {
  SocketName source;
  SocketName destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;  // meaningful with flags.ack
  TcpFlags flags;
  std::string_view payload;       // a view into the frame
  std::uint32_t cut = 0;          // payload bytes that were on the wire and not captured
  std::size_t network_at = 0;     // of the IP header in the frame
  std::size_t transport_at = 0;   // of the TCP header
  std::size_t payload_at = 0;     // of the payload
  bool routed_by_header = false;  // a routing header, which holds addresses
};

enum class FrameKind : std::uint8_t { tcp, other_protocol, fragment, malformed };

struct Frame {
  FrameKind kind = FrameKind::malformed;
  Segment segment;  // with kind tcp
};

// `wire_length`: of the frame as it was on the wire, in bytes, at least frame.size().
Frame read_frame(LinkLayer link, std::string_view frame, std::size_t wire_length);

}  // namespace tasklane::observe
