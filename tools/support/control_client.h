// Asks a running agent over its control socket.
#pragma once

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
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

// Whether the answer to GET /stats has what each release of the agent tells.
bool are_figures(const nlohmann::json& stats);

// Something answers at an agent's socket, and not as an agent of this release does.
Error no_agent_answers(const std::string& socket_path);

// Runs a verb that reads an agent's answers and gives its exit code. JSON of another shape than an agent's
// makes the library throw wherever it is first missed: it is told, and nothing of it believed.
template <class Run>
ExitCode with_agent(const std::string& socket_path, const Run& run, std::ostream& err = std::cerr) {
  try {
    return run();
  } catch (const nlohmann::json::exception&) {
    const Error error = no_agent_answers(socket_path);
    err << "tasklane: " << error.text() << "\n";
    return error.exit;
  }
}

}  // namespace tasklane
