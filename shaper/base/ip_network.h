// IP addresses and networks in text form, without a socket in sight: "10.0.0.0/8", "fd00::/8", "192.168.1.7".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shaper/base/result.h"

namespace tasklane {

// 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
using IpBytes = std::array<std::uint8_t, 16>;

// RFC 4291 section 2.2 and dotted IPv4; nothing else (no zone, no port).
std::optional<IpBytes> parse_ip(std::string_view text);

// Whether only this machine, or its private networks, know it: loopback, link-local, RFC 1918, RFC 4193, and
// the shared addresses of overlay networks (RFC 6598).
bool is_private(const IpBytes& address);

struct IpNetwork {
  IpBytes address{};
  unsigned prefix_bits = 128;  // of the 16 bytes
  [[nodiscard]] bool contains(const IpBytes& other) const;
};

// "address/bits", or an address for itself alone (RFC 4632). Error: no address, bits past the address's
// length.
Result<IpNetwork> parse_network(std::string_view text);

}  // namespace tasklane
