// The same people on real processes over real sockets, and in virtual time over shaper/ alone: whether the
// two agree.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/chat/wire_stage.h"

namespace tasklane::bench {

struct WireOptions {
  double minutes = 4;
  unsigned hosts = 6;  // on each way, all at once
  std::uint64_t first_seed = 1;
  std::string agent, model, config;
};

// "agree": whether every figure of every way does.
nlohmann::ordered_json compare_on_wire(const WireOptions& options);

}  // namespace tasklane::bench
