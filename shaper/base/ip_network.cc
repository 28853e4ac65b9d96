#include "shaper/base/ip_network.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace tasklane {
namespace {

constexpr unsigned mapped_bits = 96;

template <class Number>
std::optional<Number> number(std::string_view text, int base, Number most) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > most)
    return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<std::array<std::uint8_t, 4>> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = number<unsigned>(parts[i], 10, 255);
    if (!byte || parts[i].size() > 3) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*byte);
  }
  return bytes;
}

// Groups of hex digits on one side of "::"; the last of the address may be dotted IPv4.
std::optional<std::vector<std::uint8_t>> parse_groups(std::string_view text, bool ends_address) {
  std::vector<std::uint8_t> bytes;
  if (text.empty()) return bytes;
  const auto parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (const auto dotted = parse_ipv4(parts[i]); dotted && ends_address && i + 1 == parts.size()) {
      bytes.insert(bytes.end(), dotted->begin(), dotted->end());
      continue;
    }
    const auto group = number<unsigned>(parts[i], 16, 0xffff);
    if (!group || parts[i].size() > 4) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(*group >> 8));
    bytes.push_back(static_cast<std::uint8_t>(*group & 0xff));
  }
  return bytes;
}

}  // namespace

std::optional<IpBytes> parse_ip(std::string_view text) {
  IpBytes address{};
  if (const auto ipv4 = parse_ipv4(text)) {
    address[10] = address[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) address[12 + i] = (*ipv4)[i];
    return address;
  }
  const auto gap = text.find("::");
  const bool whole = gap == std::string_view::npos;
  const auto left = parse_groups(text.substr(0, gap), whole);
  const auto right = parse_groups(whole ? std::string_view() : text.substr(gap + 2), true);
  if (!left || !right) return std::nullopt;
  const std::size_t size = left->size() + right->size();
  if (whole ? size != 16 : size > 14) return std::nullopt;
  for (std::size_t i = 0; i < left->size(); ++i) address[i] = (*left)[i];
  for (std::size_t i = 0; i < right->size(); ++i) address[16 - right->size() + i] = (*right)[i];
  return address;
}

bool IpNetwork::contains(const IpBytes& other) const {
  for (unsigned bit = 0; bit < prefix_bits; bit += 8) {
    const unsigned left = prefix_bits - bit;
    const auto mask = static_cast<std::uint8_t>(left >= 8 ? 0xff : 0xff << (8 - left));
    if ((address[bit / 8] & mask) != (other[bit / 8] & mask)) return false;
  }
  return true;
}

Result<IpNetwork> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  const std::string written(text);
  if (!address)
    return Error{"'" + written + "' is no IP network", "",
                 "write it like \"192.168.1.0/24\", \"fd00::/8\" or \"10.0.0.7\""};
  const bool ipv4 = parse_ipv4(text.substr(0, slash)).has_value();
  IpNetwork network{*address};
  if (slash == std::string_view::npos) return network;
  const unsigned longest = ipv4 ? 32 : 128;
  const auto bits = number<unsigned>(text.substr(slash + 1), 10, longest);
  if (!bits)
    return Error{"'" + written + "' has no prefix length from 0 to " + std::to_string(longest), "",
                 "write it like \"192.168.1.0/24\""};
  network.prefix_bits = *bits + (ipv4 ? mapped_bits : 0);
  return network;
}

bool is_private(const IpBytes& address) {
  static const std::vector<IpNetwork> networks = [] {
    std::vector<IpNetwork> list;
    for (const std::string_view text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                        "169.254.0.0/16", "100.64.0.0/10", "::1", "fe80::/10", "fc00::/7"})
      list.push_back(parse_network(text).value());
    return list;
  }();
  return std::any_of(networks.begin(), networks.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace tasklane
