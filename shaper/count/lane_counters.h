// What a lane has seen and done.
#pragma once

#include <cstdint>

#include "shaper/base/time.h"

namespace tasklane {

struct LaneCounters {
  std::uint64_t arrived = 0;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t pre_empted = 0;
  std::uint64_t sliced = 0;  // slices asked ahead of a long prompt
  std::uint64_t superseded = 0;
  std::uint64_t type_ahead = 0;
  std::uint64_t coalesced = 0;
  std::uint64_t cached = 0;          // answered from the cache
  std::uint64_t expired = 0;         // past their deadline
  std::uint64_t answered_empty = 0;  // by rule, by rate, or because a chat ran
  std::uint64_t over_share = 0;      // answered empty, for keystrokes had had their share of the time
  std::uint64_t rejected = 0;
  std::uint64_t overdue = 0;  // let go past their longest wait
  std::uint64_t client_gone = 0;
  Duration held{};  // waited in all
  Duration longest_held{};
  // What it was worth: the work of tasks that would have run beside a chat, and prompts that no server read.
  Duration kept_from_chats{};
  std::uint64_t prompt_tokens_spared = 0;
};

// What is in a lane now.
struct LanePresence {
  std::uint64_t waiting = 0;
  std::uint64_t running = 0;
};

// How many requests a server computes at once, and how many of them background work leaves to chats.
struct ServerRoom {
  unsigned slots = 1;
  unsigned reserve = 0;
};

struct RewarmCounters {
  std::uint64_t asked = 0;
  std::uint64_t finished = 0;
  std::uint64_t gave_way = 0;
};

}  // namespace tasklane
