// A control server in a thread of its own, on a socket in a folder of its own; raw bytes in, raw bytes out.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "support/temporary_folder.h"
#include "userspace/control/control_server.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane::test {

// Blocks, but not longer than five seconds.
class RawClient {
 public:
  static RawClient at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return RawClient(AF_UNIX, &address, sizeof(address));
  }
  static RawClient at(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return RawClient(AF_INET, &address, sizeof(address));
  }

  RawClient& send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;  // the other end may rightly have had enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return *this;
  }
  std::string until(std::string_view end) {
    std::string bytes;
    char next = 0;
    while (!bytes.ends_with(end) && ::recv(fd_.get(), &next, 1, 0) == 1) bytes += next;
    return bytes;
  }
  // Everything to the end of the connection; nothing where it does not end.
  std::optional<std::string> rest() {
    std::string bytes;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), buffer, sizeof(buffer), 0)) > 0)
      bytes.append(buffer, static_cast<std::size_t>(got));
    return got == 0 ? std::optional(bytes) : std::nullopt;
  }

 private:
  template <class Address>
  RawClient(int family, const Address* address, socklen_t size)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(address), size), 0);
  }
  UniqueFd fd_;
};

class RunningControl {
  template <class Work>
  auto in_its_thread(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    asio::post(io_, std::move(task));
    return result.get();
  }

 public:
  explicit RunningControl(Duration patience = std::chrono::seconds(10))
      : server_(std::make_unique<ControlServer>(io_, patience)), thread_([this] { io_.run(); }) {}
  RunningControl(const RunningControl&) = delete;
  RunningControl& operator=(const RunningControl&) = delete;
  ~RunningControl() { stop(); }

  Result<void> listen(const std::string& path, ControlServer::Routes routes = {},
                      ControlServer::Permission may = {}) {
    return in_its_thread([&] { return server_->listen_unix(path, std::move(routes), std::move(may)); });
  }
  Result<std::uint16_t> listen_tcp(const std::string& address, ControlServer::Routes routes) {
    return in_its_thread([&] { return server_->listen_tcp(address, std::move(routes)); });
  }
  // As at the agent's end.
  void stop() {
    if (!thread_.joinable()) return;
    in_its_thread([&] { return server_->close(), 0; });
    io_.stop();
    thread_.join();
    server_.reset();
  }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_{io_.get_executor()};
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

}  // namespace tasklane::test
