#include "tests/support/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <stdexcept>

#include "userspace/steer/system_error.h"

namespace tasklane::test {

namespace {

void set_timeouts(int socket, std::chrono::milliseconds timeout) {
  const timeval wait{timeout.count() / 1000, timeout.count() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));  // bounds connect() too (socket(7))
}

UniqueFd tcp_socket(IpFamily family) {
  return UniqueFd(::socket(to_kernel(family), SOCK_STREAM | SOCK_CLOEXEC, 0));
}

void allow_reuse(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

}  // namespace

SocketAddress at(std::string_view ip, std::uint16_t port) { return {parse_ip_address(ip).value(), port}; }

std::optional<Client> Client::connect(const Namespace& where, const SocketAddress& to,
                                      std::optional<SocketAddress> from, std::chrono::milliseconds timeout) {
  Client client(where.run([&] { return tcp_socket(to.address.family); }));
  set_timeouts(client.fd(), timeout);
  if (from) {
    allow_reuse(client.fd());
    const KernelAddress name = to_kernel(*from);
    if (::bind(client.fd(), name.get(), name.length) != 0) return std::nullopt;
  }
  const KernelAddress name = to_kernel(to);
  if (::connect(client.fd(), name.get(), name.length) != 0) return std::nullopt;
  set_timeouts(client.fd(), patience);
  return client;
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Client::receive(std::size_t bytes) {
  std::string text;
  std::array<char, 65536> part{};
  while (text.size() < bytes) {
    const ssize_t received = ::recv(fd(), part.data(), std::min(part.size(), bytes - text.size()), 0);
    if (received <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(received));
  }
  return text;
}

std::string Client::receive_line() {
  std::string line;
  for (std::string next = receive(1); !next.empty() && next != "\n"; next = receive(1)) line += next;
  return line;
}

std::string Client::receive_all() { return receive(std::string::npos); }

std::string Client::await_line() {
  const int flags = ::fcntl(fd(), F_GETFL);
  ::fcntl(fd(), F_SETFL, flags & ~O_NONBLOCK);
  set_timeouts(fd(), patience);
  pollfd connecting{fd(), POLLOUT, 0};
  ::poll(&connecting, 1, static_cast<int>(std::chrono::milliseconds(patience).count()));
  int error = 0;
  socklen_t length = sizeof(error);
  ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return error == ECONNREFUSED ? "refused" : "no answer";
  return receive_line();
}

void Client::finish() { ::shutdown(fd(), SHUT_WR); }

void Client::reset() {
  const linger abort{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  close();
}

std::string ask_who(const Namespace& where, const SocketAddress& to, std::optional<SocketAddress> from) {
  auto client = Client::connect(where, to, from);
  if (!client) return errno == ECONNREFUSED ? "refused" : "no answer";
  return client->receive_line();
}

UniqueFd listen_in(const Namespace& where, const SocketAddress& on, DualStack dual_stack) {
  UniqueFd socket = where.run([&] { return tcp_socket(on.address.family); });
  allow_reuse(socket.get());
  if (on.address.family == IpFamily::ipv6) {
    const int alone = dual_stack == DualStack::yes ? 0 : 1;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone));
  }
  const KernelAddress name = to_kernel(on);
  if (::bind(socket.get(), name.get(), name.length) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    throw std::runtime_error(system_error("listen on " + to_text(on)).text());
  return socket;
}

std::optional<UniqueFd> start_server(const Namespace& where, const SocketAddress& on,
                                     const ServerSocket& how) {
  const auto become = [](uid_t user) { ::syscall(SYS_setresuid, -1, user, -1); };  // this thread alone
  const uid_t self = ::geteuid();
  UniqueFd socket = where.run([&] {
    become(how.user);
    UniqueFd made = tcp_socket(on.address.family);
    become(self);
    return made;
  });
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, how.option, &yes, sizeof(yes));
  const KernelAddress name = to_kernel(on);
  const bool up = ::bind(socket.get(), name.get(), name.length) == 0 && ::listen(socket.get(), 8) == 0;
  return up ? std::optional(std::move(socket)) : std::nullopt;
}

Greeter::Greeter(const Namespace& where, const SocketAddress& on, std::string word, DualStack dual_stack)
    : Greeter(listen_in(where, on, dual_stack), std::move(word)) {}

Greeter::Greeter(UniqueFd listener, std::string word)
    : word_(std::move(word)), listener_(std::move(listener)), thread_([this] { serve(); }) {}

Greeter::~Greeter() {
  stop_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes the poll
  thread_.join();
}

void Greeter::serve() {
  while (!stop_) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
    if (stop_ || (waiting.revents & POLLIN) == 0) continue;
    Client guest(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    if (guest.fd() < 0) continue;
    const auto sent_to = local_address_of(guest.fd());
    const auto came_from = remote_address_of(guest.fd());
    if (!sent_to || !came_from) continue;
    ++greeted_;
    guest.send(word_ + "\n" + to_text(*sent_to) + "\n" + to_text(*came_from) + "\n");
  }
}

}  // namespace tasklane::test
