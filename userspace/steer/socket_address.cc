#include "userspace/steer/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

// RFC 4291 2.5.5.2
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

using NameOfSocket = int (*)(int, sockaddr*, socklen_t*);

Result<SocketAddress> ask(NameOfSocket name_of, const char* call, int socket) {
  KernelAddress name;
  name.length = sizeof(name.storage);
  if (name_of(socket, name.get(), &name.length) != 0) return system_error(call);
  return from_kernel(name);
}

}  // namespace

bool IpAddress::is_loopback() const {
  return family == IpFamily::ipv4 ? bytes[0] == 127 : *this == loopback(IpFamily::ipv6);
}

bool IpAddress::is_link_local() const {
  return family == IpFamily::ipv6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

IpAddress IpAddress::loopback(IpFamily family) {
  IpAddress address{family, {}};
  if (family == IpFamily::ipv4) {
    address.bytes[0] = 127;
    address.bytes[3] = 1;
  } else {
    address.bytes[15] = 1;
  }
  return address;
}

IpAddress unmapped(const IpAddress& address) {
  if (address.family != IpFamily::ipv6 ||
      !std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.bytes.begin()))
    return address;
  return ip_address_from(IpFamily::ipv4, address.bytes.data() + mapped_prefix.size());
}

IpAddress ip_address_from(IpFamily family, const void* bytes) {
  IpAddress address{family, {}};
  std::memcpy(address.bytes.data(), bytes, family == IpFamily::ipv4 ? 4 : 16);
  return address;
}

Result<IpAddress> parse_ip_address(std::string_view text) {
  const std::string literal(text);
  IpAddress address;
  if (inet_pton(AF_INET, literal.c_str(), address.bytes.data()) == 1) return address;
  address = IpAddress::wildcard(IpFamily::ipv6);
  if (inet_pton(AF_INET6, literal.c_str(), address.bytes.data()) == 1) return address;
  return Error{"'" + literal + "' is not an IP address", "", "write it as 127.0.0.1 or ::1"};
}

KernelAddress to_kernel(const SocketAddress& address) {
  KernelAddress name;
  if (address.address.family == IpFamily::ipv4) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(address.port);
    std::memcpy(&ipv4.sin_addr, address.address.bytes.data(), sizeof(ipv4.sin_addr));
    std::memcpy(&name.storage, &ipv4, sizeof(ipv4));
    name.length = sizeof(ipv4);
  } else {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(address.port);
    std::memcpy(&ipv6.sin6_addr, address.address.bytes.data(), sizeof(ipv6.sin6_addr));
    std::memcpy(&name.storage, &ipv6, sizeof(ipv6));
    name.length = sizeof(ipv6);
  }
  return name;
}

Result<SocketAddress> from_kernel(const KernelAddress& name) {
  if (name.storage.ss_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &name.storage, sizeof(ipv4));
    return SocketAddress{ip_address_from(IpFamily::ipv4, &ipv4.sin_addr), ntohs(ipv4.sin_port)};
  }
  if (name.storage.ss_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &name.storage, sizeof(ipv6));
    return SocketAddress{unmapped(ip_address_from(IpFamily::ipv6, &ipv6.sin6_addr)), ntohs(ipv6.sin6_port)};
  }
  return Error{"a socket of family " + std::to_string(name.storage.ss_family) + ", neither IPv4 nor IPv6", "",
               ""};
}

Result<SocketAddress> local_address_of(int socket) { return ask(::getsockname, "getsockname", socket); }
Result<SocketAddress> remote_address_of(int socket) { return ask(::getpeername, "getpeername", socket); }

int to_kernel(IpFamily family) { return family == IpFamily::ipv4 ? AF_INET : AF_INET6; }

std::string to_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(to_kernel(address.family), address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_text(const SocketAddress& address) {
  const std::string host = to_text(address.address);
  const std::string port = std::to_string(address.port);
  return address.address.family == IpFamily::ipv4 ? host + ":" + port : "[" + host + "]:" + port;
}

}  // namespace tasklane
