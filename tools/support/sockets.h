// Loopback sockets as the tools' clients and servers need them. What fails here ends the tool: it
// throws std::system_error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "userspace/steer/unique_fd.h"

namespace tasklane::tools {

using Nanoseconds = std::chrono::nanoseconds;

// One clock for every process of a tool (CLOCK_MONOTONIC).
Nanoseconds clock_now();

struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;
};

// 127.0.0.1 and a port that the kernel chooses; not blocking.
Listener listen_on_loopback();
// A port that was free a moment ago, for programs that want to be told one.
std::uint16_t free_port();

// Blocking, without Nagle's delay.
UniqueFd dial(std::uint16_t port);
bool answers(std::uint16_t port);
void send_all(int socket, std::string_view bytes);

void set_no_delay(int socket);
void set_nonblocking(int socket);
[[noreturn]] void throw_errno(const char* tried);

}  // namespace tasklane::tools
