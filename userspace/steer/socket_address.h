// An (IP address, port) as a value: compared, printed, and turned into the kernel's sockaddr and back.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/base/result.h"

namespace tasklane {

enum class IpFamily { ipv4, ipv6 };

struct IpAddress {
  IpFamily family = IpFamily::ipv4;
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 in the first four

  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] bool is_wildcard() const { return bytes == std::array<std::uint8_t, 16>{}; }
  [[nodiscard]] bool is_loopback() const;    // 127.0.0.0/8, ::1
  [[nodiscard]] bool is_link_local() const;  // fe80::/10 (IPv6 alone)

  static IpAddress wildcard(IpFamily family) { return {family, {}}; }
  static IpAddress loopback(IpFamily family);  // 127.0.0.1, ::1
};

struct SocketAddress {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const SocketAddress&) const = default;
};

// The kernel's form of a SocketAddress: what bind, connect and getsockname take.
struct KernelAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// An IPv4 address that travels as ::ffff:a.b.c.d becomes an IPv4 address.
IpAddress unmapped(const IpAddress& address);
// From bytes in network order: 4 of them or 16.
IpAddress ip_address_from(IpFamily family, const void* bytes);

Result<IpAddress> parse_ip_address(std::string_view text);
KernelAddress to_kernel(const SocketAddress& address);
Result<SocketAddress> from_kernel(const KernelAddress& address);

// Where a socket is bound, and who is at its far end.
Result<SocketAddress> local_address_of(int socket);
Result<SocketAddress> remote_address_of(int socket);

int to_kernel(IpFamily family);  // AF_INET, AF_INET6
std::string to_text(const IpAddress& address);
std::string to_text(const SocketAddress& address);  // "127.0.0.1:80", "[::1]:80"

}  // namespace tasklane
