// The wire between two streams: whatever a client and a model server send, in whatever pieces, what reaches
// the server reads, by a strict reader that shares nothing with the relay, into exactly the requests that the
// relay counted; and every connection comes to its end.
//
// An input is a row of pieces, each behind a mark: 0xFE and a letter. c: the client sends what follows; s:
// the server does, on its newest connection; C, S: the same, and ends its side behind it; n: the client
// connects anew. What stands before the first mark is the client's.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fuzz/strict_http.h"
#include "shaper/classify/pack.h"
#include "userspace/serve/connection.h"

namespace tasklane {
namespace {

constexpr char mark = '\xfe';

void fail(const char* what, const std::string& detail) {
  std::fprintf(stderr, "%s: %s\n", what, detail.c_str());
  std::abort();
}

// A socket of the test's own; it ends in a reset, so that no port waits out its time.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  Socket(Socket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), bytes(std::move(other.bytes)), cut(other.cut) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() { close(); }

  void close() {
    if (fd_ < 0) return;
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    ::close(std::exchange(fd_, -1));
  }
  void send(std::string_view text) {
    if (!text.empty()) (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void end() { ::shutdown(fd_, SHUT_WR); }
  // Whether anything came.
  bool drain() {
    char buffer[16384];
    bool any = false;
    ssize_t count = 0;
    while ((count = ::recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
      bytes.append(buffer, static_cast<std::size_t>(count));
      any = true;
    }
    if (count < 0 && errno != EAGAIN) cut = true;
    return any;
  }

 private:
  int fd_;

 public:
  std::string bytes;
  bool cut = false;
};

class Listener {
 public:
  Listener() {
    sockaddr_in address = at();
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || ::listen(fd_, 64) != 0)
      std::abort();
    socklen_t length = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(fd_); }
  [[nodiscard]] int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }
  // Both ends of a connection.
  [[nodiscard]] std::pair<int, int> pair() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = at();
    address.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
    return {fd, accept()};
  }
  std::uint16_t port = 0;

 private:
  static sockaddr_in at() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
};

std::shared_ptr<const Config> configuration(std::uint16_t port) {
  const std::string to = "http://127.0.0.1:" + std::to_string(port);
  return std::make_shared<const Config>(
      parse_config(R"({"version": 1, "listen": [{"address": "127.0.0.1:1", "to": ")" + to +
                       R"("}], "limits": {"max_body": "4KiB", "max_header": "2KiB"}})",
                   "fuzz")
          .value());
}

// Where clients and the relay call. One pair for all inputs: a port that was listened on is nobody's for a
// minute, and at thousands of inputs none would be left.
struct Doors {
  Listener door;
  Listener model;
};

// One client, one relay, one server, in one thread.
class World {
 public:
  explicit World(Doors& doors) : door_(doors.door), model_(doors.model) {}

  void play(std::string_view script) {
    connect();
    for (char kind = 'c'; !script.empty() || kind == 'c';) {
      const std::string_view piece = script.substr(0, script.find(mark));
      script.remove_prefix(piece.size());
      act(kind, piece);
      settle();
      if (script.size() < 2) break;
      kind = script[1];
      script.remove_prefix(2);
    }
    judge();
    end();
  }

 private:
  void connect() {
    const auto [own, its] = door_.pair();
    clients_.emplace_back(own);
    TcpSocket socket(io_.get_executor());
    socket.assign(asio::ip::tcp::v4(), its);
    Target origin;
    origin.host = "127.0.0.1";
    origin.port = model_.port;
    const auto connection = std::make_shared<Connection>(context_, std::move(socket), origin);
    connections_.push_back(connection);
    asio::co_spawn(
        io_, [connection]() -> Awaitable<void> { co_await connection->run(false); },
        [](const std::exception_ptr& thrown) {
          if (thrown) fail("an exception", "left a connection");
        });
  }

  void act(char kind, std::string_view piece) {
    if (kind == 'n' && clients_.size() < 4) connect();
    const bool servers = kind == 's' || kind == 'S';
    if (servers && upstreams_.empty()) return;
    Socket& peer = servers ? upstreams_.back() : clients_.back();
    peer.send(piece);
    if (servers) said_ += piece;
    if (kind == 'C' || kind == 'S') peer.end();
  }

  // Until nothing moves any more.
  void settle() {
    for (int still = 0; still < 2;) {
      bool moved = io_.poll() > 0 || context_.side.busy();  // a packed body is being read
      for (int fd = 0; (fd = model_.accept()) >= 0; moved = true) upstreams_.emplace_back(fd);
      for (Socket& upstream : upstreams_) moved = upstream.drain() || moved;
      for (Socket& client : clients_) moved = client.drain() || moved;
      still = moved ? 0 : still + 1;
    }
  }

  [[nodiscard]] std::uint64_t counted() const {
    std::uint64_t requests = statistics_.relay().upstream_reconnects;
    for (const auto& [key, row] : statistics_.rows()) requests += row.requests;
    return requests;
  }

  void judge() {
    if (statistics_.relay().tunnels != 0) return;
    std::size_t begun = 0;
    bool cut = false;
    for (const Socket& upstream : upstreams_) {
      const strict_http::Requests requests = strict_http::read_requests(upstream.bytes);
      const bool other_protocol = requests.upgrades && said_.find("HTTP/1") != std::string::npos;
      if (other_protocol) return;
      if (said_.find(" 101") != std::string::npos) return;
      if (!requests.wrong.empty())
        fail("what reached the server is no request", requests.wrong + "\n" + upstream.bytes);
      begun += requests.begun;
      cut = cut || upstream.cut;
    }
    if (begun > counted() || (!cut && begun < counted()))
      fail("the relay counted other requests", std::to_string(counted()) + ", not " + std::to_string(begun));
  }

  void end() {
    for (Socket& client : clients_) client.close();
    settle();
    connections_.clear();
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(8);
    while (context_.open_connections > 0) {
      settle();
      for (Socket& upstream : upstreams_) upstream.close();  // what is asked once more finds nobody either
      if (std::chrono::steady_clock::now() > late) fail("a connection", "never ends");
      if (context_.open_connections > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    servers_.sweep(now() + std::chrono::hours(1));
    settle();
  }

  asio::io_context io_{1};
  asio::executor_work_guard<Executor> guard_{io_.get_executor()};
  Listener& door_;
  Listener& model_;
  Classifier classifier_{{}};
  BodyReader body_reader_;
  Statistics statistics_;
  UpstreamConnections servers_{io_, Dialer(), std::chrono::seconds(5)};
  Lanes lanes_{io_};
  RelayContext context_{io_,         configuration(model_.port),
                        classifier_, body_reader_,
                        statistics_, servers_,
                        lanes_,      Canonical(1, 2)};
  std::vector<std::weak_ptr<Connection>> connections_;
  std::vector<Socket> clients_;
  std::vector<Socket> upstreams_;
  std::string said_;  // by the server
};

}  // namespace
}  // namespace tasklane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static tasklane::Doors doors;
  tasklane::World(doors).play(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
