#include "tools/support/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace tasklane::tools {
namespace {

constexpr int backlog = 1024;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int try_dial(int socket, std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

UniqueFd new_socket() {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("socket");
  return socket;
}

}  // namespace

void throw_errno(const char* tried) { throw std::system_error(errno, std::generic_category(), tried); }

Nanoseconds clock_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

Listener listen_on_loopback() {
  Listener listener{new_socket(), 0};
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  if (::bind(listener.socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw_errno("bind");
  if (::listen(listener.socket.get(), backlog) != 0) throw_errno("listen");
  if (::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw_errno("getsockname");
  set_nonblocking(listener.socket.get());
  listener.port = ntohs(address.sin_port);
  return listener;
}

std::uint16_t free_port() { return listen_on_loopback().port; }

UniqueFd dial(std::uint16_t port) {
  UniqueFd socket = new_socket();
  if (try_dial(socket.get(), port) != 0) throw_errno("connect");
  set_no_delay(socket.get());
  return socket;
}

bool answers(std::uint16_t port) {
  const UniqueFd socket = new_socket();
  return try_dial(socket.get(), port) == 0;
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw_errno("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void set_no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void set_nonblocking(int socket) {
  if (::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK) != 0) throw_errno("fcntl");
}

}  // namespace tasklane::tools
