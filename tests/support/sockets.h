// Plain blocking sockets for tests, made in a namespace, each call bounded in time.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "tests/support/namespace.h"
#include "userspace/steer/socket_address.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane::test {

// Bounds the wait of a test that has gone wrong; a test that goes well never waits this long.
inline constexpr std::chrono::seconds patience{10};

SocketAddress at(std::string_view ip, std::uint16_t port);

// A client's end of a connection. Move-only.
class Client {
 public:
  // None: refused, unreachable or timed out; errno says which. `from` binds the near end.
  static std::optional<Client> connect(const Namespace& where, const SocketAddress& to,
                                       std::optional<SocketAddress> from = {},
                                       std::chrono::milliseconds timeout = patience);
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}

  bool send(std::string_view bytes);
  // What comes until `bytes` are there, the far end closes or patience ends.
  std::string receive(std::size_t bytes);
  std::string receive_line();
  std::string receive_all();
  // For a socket that is still connecting, blocking or not: its first line, "refused" or "no answer".
  std::string await_line();
  // Sends FIN and reads on.
  void finish();
  // Sends RST.
  void reset();
  void close() { socket_.reset(); }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] SocketAddress near() const { return local_address_of(socket_.get()).value(); }

 private:
  UniqueFd socket_;
};

// What a connection to `to` is answered by a Greeter there: its word, "refused" or "no answer".
std::string ask_who(const Namespace& where, const SocketAddress& to, std::optional<SocketAddress> from = {});

enum class DualStack { no, yes };

// How a server shares its port with what is left of its last run: Go, Python and Node set SO_REUSEADDR;
// cpp-httplib, so llama-server, SO_REUSEPORT alone.
struct ServerSocket {
  int option;
  uid_t user;  // needs root for another than its own
};
// None: the port is taken.
std::optional<UniqueFd> start_server(const Namespace& where, const SocketAddress& on,
                                     const ServerSocket& how);

UniqueFd listen_in(const Namespace& where, const SocketAddress& on, DualStack dual_stack = DualStack::no);

// A server in a thread that says its word and a line feed to everyone who connects, then where the connection
// was sent to and came from, each on a line of its own, and closes.
class Greeter {
 public:
  // Serves on a listener of its own; throws where it cannot listen.
  Greeter(const Namespace& where, const SocketAddress& on, std::string word,
          DualStack dual_stack = DualStack::no);
  // Serves on a listener that it is given, blocking or not.
  Greeter(UniqueFd listener, std::string word);
  ~Greeter();
  Greeter(const Greeter&) = delete;
  Greeter& operator=(const Greeter&) = delete;

  [[nodiscard]] int greeted() const { return greeted_; }

 private:
  void serve();

  std::string word_;
  UniqueFd listener_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> greeted_ = 0;
  std::thread thread_;
};

// Waits until `condition` holds; whether it came to hold before patience ended.
template <class Condition>
bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace tasklane::test
