// Messages between two processes of one program, whole and in order, each with at most one descriptor.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

class Channel {
 public:
  Channel() = default;
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}
  // Two ends of one.
  static Result<std::pair<Channel, Channel>> pair();

  // One end, to whoever accepts at this UNIX socket (SOCK_SEQPACKET).
  static Result<Channel> connect(const std::filesystem::path& socket);

  static constexpr std::size_t longest = 128u << 10;
  struct Message {
    std::string text;
    UniqueFd descriptor;  // may be none
  };

  // Never waits. False: not now (the other end is slow), or never again (it has gone, or the text is too
  // long).
  bool send(std::string_view text, int descriptor = -1) const;
  // Waits for as long as `patience`, or without end. None: nothing came, or closed() by now.
  std::optional<Message> receive(std::optional<Duration> patience);
  // The other end has gone.
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  // As long as the longest message, and of the machine's memory as much as the longest that has come.
  std::unique_ptr<char[]> room_;
  bool closed_ = false;
};

}  // namespace tasklane
