#include "userspace/steer/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

// Room for one descriptor beside a message (cmsg(3)).
struct Beside {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
};

bool comes_within(int socket, Duration patience) {
  if (patience == Duration::zero()) return true;  // asking tells as much
  pollfd waits{socket, POLLIN, 0};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  return ::poll(&waits, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace

Result<std::pair<Channel, Channel>> Channel::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("cannot make a pair of sockets");
  return std::pair(Channel(UniqueFd(ends[0])), Channel(UniqueFd(ends[1])));
}

Result<Channel> Channel::connect(const std::filesystem::path& socket) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof(name.sun_path))
    return Error{"the path of a socket is longer than 107 characters", socket.string(), ""};
  socket.native().copy(name.sun_path, socket.native().size());
  UniqueFd end(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!end || ::connect(end.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    Error error = system_error("cannot connect");
    error.where = socket.string();
    error.exit = ExitCode::found;  // it may be there soon
    return error;
  }
  return Channel(std::move(end));
}

bool Channel::send(std::string_view text, int descriptor) const {
  iovec part{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Beside beside;
  if (descriptor >= 0) {
    message.msg_control = beside.room.data();
    message.msg_controllen = beside.room.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::optional<Channel::Message> Channel::receive(std::optional<Duration> patience) {
  if (patience && !comes_within(socket_.get(), *patience)) return std::nullopt;
  if (!room_) room_ = std::make_unique_for_overwrite<char[]>(longest);
  iovec part{room_.get(), longest};
  Beside beside;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = beside.room.data();
  // Not all of the room, whose padding would hold a second descriptor, which nobody would ever close.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t length = ::recvmsg(socket_.get(), &message, (patience ? MSG_DONTWAIT : 0) | MSG_CMSG_CLOEXEC);
  closed_ = length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
  if (length <= 0) return std::nullopt;
  Message received{std::string(room_.get(), static_cast<std::size_t>(length)), {}};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
    received.descriptor.reset(descriptor);
  }
  return received;
}

}  // namespace tasklane
