#include "userspace/steer/netlink.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>
#include <utility>

#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

// The kernel answers within the call; this bounds the wait for one that does not.
constexpr timeval longest_wait{1, 0};
constexpr std::size_t buffer_bytes = 32768;  // what the kernel fills at most (af_netlink.c, netlink_dump)

// NLMSG_OK, whose own comparison is of a signed length with an unsigned one.
bool is_whole(const nlmsghdr& message, int left) {
  return std::cmp_greater_equal(left, sizeof(nlmsghdr)) && message.nlmsg_len >= sizeof(nlmsghdr) &&
         std::cmp_less_equal(message.nlmsg_len, left);
}

enum class Progress { more, end };

Result<Progress> take(const nlmsghdr& message, std::uint32_t sequence, const NetlinkSocket::Answer& answer) {
  if (message.nlmsg_seq != sequence) return Progress::more;  // left over from a question given up
  if (message.nlmsg_type == NLMSG_DONE) return Progress::end;
  if (message.nlmsg_type == NLMSG_ERROR) {
    const auto* refusal = static_cast<const nlmsgerr*>(NLMSG_DATA(&message));
    if (refusal->error == 0) return Progress::end;
    return system_error("netlink", -refusal->error);
  }
  answer(message);
  return (message.nlmsg_flags & NLM_F_MULTI) != 0 ? Progress::more : Progress::end;
}

}  // namespace

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!socket) return system_error("cannot open a netlink socket");
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &longest_wait, sizeof(longest_wait)) != 0)
    return system_error("SO_RCVTIMEO of a netlink socket");
  return NetlinkSocket(std::move(socket));
}

Result<std::size_t> NetlinkSocket::receive(std::span<std::byte> buffer) const {
  for (;;) {
    const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received >= 0) return static_cast<std::size_t>(received);
    if (errno != EINTR) return system_error("cannot read the kernel's answer over netlink");
  }
}

Result<void> NetlinkSocket::ask(std::span<std::byte> request, const Answer& answer) {
  auto* header = reinterpret_cast<nlmsghdr*>(request.data());
  header->nlmsg_len = static_cast<std::uint32_t>(request.size());
  header->nlmsg_seq = ++sequence_;
  if (::send(socket_.get(), request.data(), request.size(), 0) < 0)
    return system_error("cannot ask the kernel over netlink");
  alignas(nlmsghdr) std::array<std::byte, buffer_bytes> buffer;
  for (;;) {
    auto received = receive(buffer);
    if (!received) return received.error();
    auto left = static_cast<int>(*received);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); is_whole(*message, left);
         message = NLMSG_NEXT(message, left)) {
      const auto progress = take(*message, sequence_, answer);
      if (!progress) return progress.error();
      if (*progress == Progress::end) return {};
    }
  }
}

}  // namespace tasklane
