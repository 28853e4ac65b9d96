// One connection of a front end: a request, its answer timed as it comes, and an ear for what comes unasked.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "userspace/wire/io.h"

namespace tasklane::bench {

struct Reply {
  bool whole = false;
  int status = 0;
  std::string body;
  Duration first_byte{};  // of the body
  Duration total{};
};

using OnPiece = std::function<void(Time)>;  // called whenever some of the body has come

class Client {
 public:
  explicit Client(asio::io_context& io) : socket_(io.get_executor()) {}

  Awaitable<bool> connect(std::uint16_t port);
  // Timed from the send.
  Awaitable<Reply> ask(std::string request, OnPiece on_piece = {});
  // Whether anything comes that nobody asked for, before the connection ends.
  Awaitable<bool> hears_more();
  // Ends whatever waits here.
  void leave();

 private:
  TcpSocket socket_;
  std::array<char, 4096> landing_{};
};

// A connection of its own, as Open WebUI makes one for each request: timed from before the connect. After
// `patience` the client leaves.
Awaitable<Reply> ask_once(asio::io_context& io, std::uint16_t port, std::string request,
                          std::optional<Duration> patience = {});

}  // namespace tasklane::bench
