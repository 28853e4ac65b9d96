// A minute of typing: what becomes of the keystrokes, what an answer without a model takes, and what a chat
// beside them notices; the same straight to an equal model.
#pragma once

#include <nlohmann/json.hpp>

#include "shaper/base/result.h"
#include "tools/bench/lanes/stage.h"

namespace tasklane::bench {

struct KeystrokeOptions {
  StageOptions stage;
  unsigned typists = 50;
  std::size_t keystrokes = 10000;
  unsigned seconds = 60;
};

Result<nlohmann::ordered_json> measure_keystrokes(const KeystrokeOptions& options);

}  // namespace tasklane::bench
