#include "userspace/steer/dialer.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "userspace/steer/netlink.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

constexpr std::uint16_t bits_of_word = 64;
constexpr unsigned loopback_addresses = 16;  // 127.0.0.1 and on

Result<UniqueFd> plain_socket(IpFamily family) {
  UniqueFd socket(::socket(to_kernel(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a socket");
  return socket;
}

struct RouteRequest {
  nlmsghdr header{};
  rtmsg route{};
  nlattr destination{};
  std::array<std::uint8_t, 16> address{};
};

}  // namespace

struct OwnPorts::State {
  std::mutex mutex;
  std::span<unsigned long long> words;
  std::unordered_map<std::uint16_t, unsigned> leases;
};

OwnPorts::OwnPorts(std::span<unsigned long long> words) : state_(std::make_unique<State>()) {
  state_->words = words;
}
OwnPorts::~OwnPorts() = default;

void OwnPorts::mark(std::uint16_t port) {
  const std::lock_guard lock(state_->mutex);
  if (++state_->leases[port] > 1 || state_->words.empty()) return;
  std::atomic_ref(state_->words[port / bits_of_word]).fetch_or(1ull << (port % bits_of_word));
}

void OwnPorts::unmark(std::uint16_t port) {
  const std::lock_guard lock(state_->mutex);
  const auto lease = state_->leases.find(port);
  if (lease == state_->leases.end() || --lease->second > 0) return;
  state_->leases.erase(lease);
  if (state_->words.empty()) return;
  std::atomic_ref(state_->words[port / bits_of_word]).fetch_and(~(1ull << (port % bits_of_word)));
}

void OwnPorts::detach() {
  const std::lock_guard lock(state_->mutex);
  state_->words = {};
}

PortLease::PortLease(std::shared_ptr<OwnPorts> ports, std::uint16_t port)
    : ports_(std::move(ports)), port_(port) {
  if (ports_) ports_->mark(port_);
}

PortLease& PortLease::operator=(PortLease&& other) noexcept {
  give_up();
  ports_ = std::move(other.ports_);
  port_ = other.port_;
  return *this;
}

void PortLease::give_up() {
  if (ports_) ports_->unmark(port_);
  ports_.reset();
}

Dialer::Dialer(std::shared_ptr<OwnPorts> own_ports, std::vector<std::uint16_t> steered_ports)
    : own_ports_(std::move(own_ports)), steered_ports_(std::move(steered_ports)) {}

Result<UniqueFd> Dialer::socket_there(IpFamily family) const {
  return maker_ != nullptr ? maker_->make_socket(family) : plain_socket(family);
}

Result<OwnDial> Dialer::local_socket(IpFamily family) const {
  return leaving_loopback(socket_there(family), family);
}

Result<OwnDial> Dialer::leaving_loopback(Result<UniqueFd> socket, IpFamily family) const {
  if (!socket) return socket.error();
  if (!own_ports_) return OwnDial{std::move(*socket), {}};
  const auto port = bind_to_loopback(socket->get(), family);
  if (!port) return port.error();
  return OwnDial{std::move(*socket), PortLease(own_ports_, *port)};
}

// When 127.0.0.1 has no port left, the addresses behind it serve; IPv6 has one loopback address only.
Result<std::uint16_t> Dialer::bind_to_loopback(int socket, IpFamily family) const {
  const unsigned addresses = family == IpFamily::ipv4 ? loopback_addresses : 1;
  IpAddress address = IpAddress::loopback(family);
  for (unsigned i = 0; i < addresses; ++i) {
    const KernelAddress any_port = to_kernel(SocketAddress{address, 0});
    if (::bind(socket, any_port.get(), any_port.length) == 0) {
      const auto name = local_address_of(socket);
      if (!name) return name.error();
      return name->port;
    }
    if (errno != EADDRINUSE) break;
    ++address.bytes[3];
  }
  return system_error("cannot dial from " + to_text(IpAddress::loopback(family)));
}

// The kernel may deliver to addresses that no interface has (a route of type local): those are bound freely.
Result<OwnDial> Dialer::socket_from(const IpAddress& source, const std::string& device) const {
  auto socket = socket_there(source.family);
  if (!socket) return socket.error();
  const bool ipv4 = source.family == IpFamily::ipv4;
  const int yes = 1;
  ::setsockopt(socket->get(), ipv4 ? IPPROTO_IP : IPPROTO_IPV6, ipv4 ? IP_FREEBIND : IPV6_FREEBIND, &yes,
               sizeof(yes));
  if (!device.empty() && ::setsockopt(socket->get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                      static_cast<socklen_t>(device.size())) != 0)
    return system_error("cannot dial by the interface " + device);
  const KernelAddress any_port = to_kernel(SocketAddress{source, 0});
  if (::bind(socket->get(), any_port.get(), any_port.length) != 0)
    return system_error("cannot dial from " + to_text(source));
  if (!own_ports_) return OwnDial{std::move(*socket), {}};
  const auto name = local_address_of(socket->get());
  if (!name) return name.error();
  return OwnDial{std::move(*socket), PortLease(own_ports_, name->port)};
}

Result<bool> Dialer::could_be_steered(const SocketAddress& destination) const {
  if (std::find(steered_ports_.begin(), steered_ports_.end(), destination.port) == steered_ports_.end())
    return false;
  if (destination.address.is_loopback() || destination.address.is_wildcard()) return true;
  return is_address_of_this_host(destination.address);
}

Result<OwnDial> Dialer::socket_for(const SocketAddress& destination) const {
  const auto local = could_be_steered(destination);
  if (!local) return local.error();
  auto socket = plain_socket(destination.address.family);
  if (*local) return leaving_loopback(std::move(socket), destination.address.family);
  if (!socket) return socket.error();
  return OwnDial{std::move(*socket), {}};
}

void close_without_time_wait(int socket) {
  const linger reset{1, 0};  // socket(7), SO_LINGER; tcp(7)
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

// ip(7), IP_PKTINFO; ipv6(7), IPV6_PKTINFO; the options of that name tell a stream's first packet.
unsigned incoming_device(int accepted, IpFamily family) {
  const bool ipv4 = family == IpFamily::ipv4;
  const int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
  const int yes = 1;
  const int no = 0;
  alignas(cmsghdr) std::array<char, 256> room{};
  socklen_t length = room.size();
  ::setsockopt(accepted, level, ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &yes, sizeof(yes));
  const int told =
      ::getsockopt(accepted, level, ipv4 ? IP_PKTOPTIONS : IPV6_2292PKTOPTIONS, room.data(), &length);
  ::setsockopt(accepted, level, ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &no, sizeof(no));
  if (told != 0) return 0;
  msghdr message{};
  message.msg_control = room.data();
  message.msg_controllen = length;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (ipv4 && each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO)
      return static_cast<unsigned>(reinterpret_cast<const in_pktinfo*>(CMSG_DATA(each))->ipi_ifindex);
    if (!ipv4 && each->cmsg_level == IPPROTO_IPV6 &&
        (each->cmsg_type == IPV6_PKTINFO || each->cmsg_type == IPV6_2292PKTINFO))
      return reinterpret_cast<const in6_pktinfo*>(CMSG_DATA(each))->ipi6_ifindex;
  }
  return 0;
}

Result<bool> is_address_of_this_host(const IpAddress& address) {
  auto kernel = NetlinkSocket::open(NETLINK_ROUTE);
  if (!kernel) return kernel.error();
  const std::size_t length = address.family == IpFamily::ipv4 ? 4 : 16;
  RouteRequest request;
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.route.rtm_family = static_cast<unsigned char>(to_kernel(address.family));
  request.route.rtm_dst_len = static_cast<unsigned char>(length * 8);
  request.destination.nla_type = RTA_DST;
  request.destination.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + length);
  request.address = address.bytes;
  bool local = false;
  const auto bytes = std::as_writable_bytes(std::span(&request, 1));
  const auto asked =
      kernel->ask(bytes.first(offsetof(RouteRequest, address) + length), [&](const nlmsghdr& message) {
        if (message.nlmsg_type == RTM_NEWROUTE)
          local = static_cast<const rtmsg*>(NLMSG_DATA(&message))->rtm_type == RTN_LOCAL;
      });
  // No route there: not this host's, and the dial itself will say what is wrong.
  return asked && local;
}

}  // namespace tasklane
