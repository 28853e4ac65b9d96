// One request to Ollama's /api/chat, waited for to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tasklane::demo {

struct Answer {
  bool whole = false;                      // status 200 and read to its end
  std::chrono::nanoseconds first_token{};  // from the send to the first byte of the body
  std::chrono::nanoseconds total{};        // to the last one
  std::string text;                        // of the assistant
};

Answer ask(std::uint16_t port, const std::string& body);

}  // namespace tasklane::demo
