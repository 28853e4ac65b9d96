#include "userspace/steer/listening_sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <algorithm>

namespace tasklane {

namespace {

// include/net/tcp_states.h; <netinet/tcp.h> has it too, but clashes with the kernel's headers.
constexpr unsigned tcp_listen = 10;

struct Request {
  nlmsghdr header{};
  inet_diag_req_v2 what{};
};

Request all_listeners(IpFamily family) {
  Request request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.what.sdiag_family = static_cast<std::uint8_t>(to_kernel(family));
  request.what.sdiag_protocol = IPPROTO_TCP;
  request.what.idiag_states = 1u << tcp_listen;
  return request;
}

bool takes_ipv6_alone(const nlmsghdr& message) {
  bool alone = false;
  const auto* body = static_cast<const std::byte*>(NLMSG_DATA(&message));
  for_each_attribute(body + NLMSG_ALIGN(sizeof(inet_diag_msg)),
                     message.nlmsg_len - NLMSG_SPACE(sizeof(inet_diag_msg)),
                     [&alone](int type, const std::byte* value) {
                       if (type == INET_DIAG_SKV6ONLY) alone = *value != std::byte{0};
                     });
  return alone;
}

struct Found {
  Listeners anywhere;
  DeviceListeners on_devices;
};

void add(const nlmsghdr& message, IpFamily family, std::span<const std::uint16_t> ports, Found& found) {
  if (message.nlmsg_len < NLMSG_SPACE(sizeof(inet_diag_msg))) return;
  const auto* socket = static_cast<const inet_diag_msg*>(NLMSG_DATA(&message));
  const std::uint16_t port = ntohs(socket->id.idiag_sport);
  if (std::find(ports.begin(), ports.end(), port) == ports.end()) return;
  const IpAddress address = unmapped(ip_address_from(family, socket->id.idiag_src));
  if (address.is_link_local()) return;
  const auto listens_at = [&](const IpAddress& where) {
    const SocketAddress endpoint{where, port};
    if (socket->id.idiag_if == 0)
      found.anywhere.insert({endpoint, socket->idiag_uid});
    else
      found.on_devices.insert({endpoint, socket->id.idiag_if});
  };
  listens_at(address);
  if (family == IpFamily::ipv6 && address.is_wildcard() && !takes_ipv6_alone(message))
    listens_at(IpAddress::wildcard(IpFamily::ipv4));
}

}  // namespace

Result<ListeningSockets> ListeningSockets::open() {
  auto kernel = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!kernel) return kernel.error();
  return ListeningSockets(std::move(*kernel));
}

Result<Listeners> ListeningSockets::on(std::span<const std::uint16_t> ports, DeviceListeners* on_devices) {
  Found found;
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
    Request request = all_listeners(family);
    const auto asked =
        kernel_.ask(std::as_writable_bytes(std::span(&request, 1)), [&](const nlmsghdr& message) {
          if (message.nlmsg_type == SOCK_DIAG_BY_FAMILY) add(message, family, ports, found);
        });
    if (!asked) {
      Error error = asked.error();
      error.where = "sock_diag";
      error.hint = "the kernel must be able to list its listening sockets (tcp_diag)";
      return error;
    }
  }
  if (on_devices != nullptr) *on_devices = std::move(found.on_devices);
  return std::move(found.anywhere);
}

}  // namespace tasklane
