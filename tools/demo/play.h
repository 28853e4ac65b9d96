// One person's three chats, ten turns in all, with everything that Open WebUI asks for beside them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tasklane::demo {

inline constexpr const char* chat_model = "big-chat";
inline constexpr int turns_played = 10;

struct Tally {
  int asked = 0;
  int answered = 0;  // with the JSON that was asked for
};

struct Played {
  std::vector<std::chrono::nanoseconds> first_tokens;  // of the chat's answers
  std::vector<std::chrono::nanoseconds> task_delays;   // of every task, to its last byte
  std::map<std::string, Tally> tasks;                  // by class
};

// Plays in real time against the model port.
Played play(std::uint16_t port);

}  // namespace tasklane::demo
