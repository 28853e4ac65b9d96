// Asks a running agent over its control socket.
#pragma once

#include <chrono>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

inline constexpr const char* default_control_socket = "/run/tasklane/control.sock";

struct ControlReply {
  int status = 0;
  std::string body;
};

// Errors: nobody answers, or not within `patience` (exit 1); the socket is not ours to open (exit 3).
Result<ControlReply> ask_agent(const std::string& socket_path, const std::string& method,
                               const std::string& path, const std::string& body = {},
                               std::chrono::milliseconds patience = std::chrono::seconds(10));

}  // namespace tasklane
