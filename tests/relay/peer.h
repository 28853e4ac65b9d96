// Raw sockets on both sides of what is tested: a test says byte for byte what the client and the model server
// send, and reads what the other got.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tasklane {

// One end of a connection; everything blocks, but not longer than five seconds.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Peer() { close(); }

  static Peer to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    return Peer(fd);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the other end may rightly have had enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Exactly `count` bytes, or what came before the end.
  std::string receive(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count && take(bytes, count - bytes.size())) {
    }
    return bytes;
  }
  // Everything up to and with `end`.
  std::string until(std::string_view end) {
    std::string bytes;
    while (!bytes.ends_with(end) && take(bytes, 1)) {
    }
    return bytes;
  }
  // Everything to the end of the connection; `reset` tells how it ended.
  std::string rest(bool* reset = nullptr) {
    std::string bytes;
    int result = 1;
    while (result > 0) {
      char buffer[4096];
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      result = got > 0 ? 1 : 0;
      if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
      if (got < 0) {
        EXPECT_NE(EAGAIN, errno) << "the connection stayed open; so far: " << bytes;
        if (reset != nullptr) *reset = errno == ECONNRESET;
      }
    }
    return bytes;
  }
  // Whether the other end has closed within five seconds.
  bool sees_close() {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  bool quiet_for(std::chrono::milliseconds time) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(time.count())) == 0;
  }
  [[nodiscard]] int descriptor() const { return fd_; }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  bool take(std::string& bytes, std::size_t most) {
    char buffer[65536];
    const ssize_t got = ::recv(fd_, buffer, std::min(most, sizeof(buffer)), 0);
    if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }
  int fd_;
};

// A loopback address of this process alone, so that a port given up here is nobody else's a moment later.
inline in_addr own_loopback() {
  const auto process = static_cast<std::uint32_t>(::getpid());
  return {htonl((127u << 24) | (((process >> 16) + 1) & 0x7f) << 16 | (process & 0xffff))};
}

// A listening socket on a free port of own_loopback(): the model server's side of a test.
class Server {
 public:
  explicit Server(std::uint32_t at = own_loopback().s_addr) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = at;
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    EXPECT_EQ(0, ::listen(fd_, 16));
    socklen_t length = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string authority() const {
    char text[INET_ADDRSTRLEN] = {};
    const in_addr address = own_loopback();
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(port_);
  }
  [[nodiscard]] std::string url() const { return "http://" + authority(); }
  Peer accept() {
    EXPECT_TRUE(called_within(std::chrono::seconds(5))) << "nobody called the model server";
    return Peer(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  bool called_within(std::chrono::milliseconds time) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(time.count())) == 1;
  }
  void stop() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

// A POST with a body, as Open WebUI sends it.
inline std::string post(const std::string& path, const std::string& body, const std::string& fields = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: model:11434\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string answer(const std::string& body, const std::string& fields = "",
                          const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace tasklane
