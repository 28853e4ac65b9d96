// Connections by TLS that are opened while a task still waits for its turn: the handshake, several times the
// way there and back, is over when it goes. One at a time for each server, and none where one is idle.
#pragma once

#include <map>
#include <memory>

#include "userspace/wire/reach.h"

namespace tasklane {

class OpenedAhead {
 public:
  explicit OpenedAhead(asio::io_context& io) : io_(io) {}

  // Never waits; nobody is told where it fails. What is in clear is not worth it.
  void want(UpstreamConnections& pool, const Target& target);
  // Behind the one that is just being opened to there, where one is: then it is idle in the pool. Takes no
  // longer than a dial. Error: why it failed.
  Awaitable<Result<void>> join(std::shared_ptr<TlsClient> there);

 private:
  struct Opening {
    explicit Opening(asio::io_context& io) : end(io.get_executor(), Timer::time_point::max()) {}
    Timer end;  // cancelled then
    Result<void> came_to{};
  };
  Awaitable<void> open(UpstreamConnections& pool, Target target, std::shared_ptr<Opening> opening);

  asio::io_context& io_;
  std::map<std::shared_ptr<TlsClient>, std::shared_ptr<Opening>> opening_;
};

}  // namespace tasklane
