// Frames written by hand: what a capture of simulated or made-up traffic is made of. Checksums are zero, as
// they are where a network card fills them in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/base/ip_network.h"

namespace tasklane::simulate {

namespace wire {

inline void two(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8U & 0xFFU);
  to += static_cast<char>(value & 0xFFU);
}
inline void four(std::string& to, std::uint32_t value) {
  two(to, value >> 16U);
  two(to, value & 0xFFFFU);
}

struct Header {
  std::uint32_t sequence = 0, acknowledged = 0;
  bool fin = false, syn = false, rst = false, ack = true;
};

inline std::string tcp(unsigned from, unsigned to, const Header& header, std::string_view payload) {
  std::string bytes;
  two(bytes, from);
  two(bytes, to);
  four(bytes, header.sequence);
  four(bytes, header.ack ? header.acknowledged : 0);
  bytes += static_cast<char>(5U << 4U);
  bytes += static_cast<char>((header.fin ? 1U : 0U) | (header.syn ? 2U : 0U) | (header.rst ? 4U : 0U) |
                             (header.ack ? 16U : 0U));
  two(bytes, 65535);
  four(bytes, 0);
  bytes += payload;
  return bytes;
}

inline std::string ipv4(std::string_view from, std::string_view to, std::string_view inside) {
  std::string bytes;
  two(bytes, 0x4500);
  two(bytes, inside.size() + 20 > 65535 ? 0 : static_cast<unsigned>(inside.size() + 20));
  four(bytes, 0);
  two(bytes, 0x4006);  // time to live, TCP
  two(bytes, 0);
  for (const std::string_view text : {from, to}) {
    const IpBytes address = parse_ip(text).value();
    bytes.append(reinterpret_cast<const char*>(address.data()) + 12, 4);
  }
  return bytes.append(inside);
}

// `extensions`: each {protocol number of the header itself, its bytes but the first}.
inline std::string ipv6(std::string_view from, std::string_view to, std::string_view inside,
                        const std::vector<std::pair<unsigned, std::string>>& extensions = {}) {
  std::string chain;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    chain += static_cast<char>(i + 1 < extensions.size() ? extensions[i + 1].first : 6U);
    chain += extensions[i].second;
  }
  std::string bytes;
  four(bytes, 0x60000000);
  two(bytes, static_cast<unsigned>(chain.size() + inside.size()));
  bytes += static_cast<char>(extensions.empty() ? 6U : extensions.front().first);
  bytes += '\x40';
  for (const std::string_view text : {from, to}) {
    const IpBytes address = parse_ip(text).value();
    bytes.append(reinterpret_cast<const char*>(address.data()), 16);
  }
  return bytes.append(chain).append(inside);
}

inline std::string ethernet(unsigned type, std::string_view inside) {
  std::string bytes("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
  two(bytes, type);
  return bytes.append(inside);
}

}  // namespace wire

}  // namespace tasklane::simulate
