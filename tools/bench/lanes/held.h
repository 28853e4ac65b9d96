// Thousands of tasks held at once while a chat streams: what they cost the agent, and whether anyone notices.
#pragma once

#include <nlohmann/json.hpp>

#include "shaper/base/result.h"
#include "tools/bench/lanes/stage.h"

namespace tasklane::bench {

struct HeldOptions {
  StageOptions stage;
  std::size_t clients = 2000;
  std::size_t chats = 40;  // short ones, in each row
  unsigned typists = 50;
};

Result<nlohmann::ordered_json> measure_held(const HeldOptions& options);

}  // namespace tasklane::bench
