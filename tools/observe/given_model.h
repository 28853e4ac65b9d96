// What a person says of the model servers that a replay simulates.
#pragma once

#include <optional>

namespace tasklane::observe {

// What is not given is told from what was observed.
struct GivenModel {
  std::optional<unsigned> slots;
  std::optional<double> prefill, decode;
  std::optional<unsigned> batch;
  std::optional<bool> host_cache;
};

}  // namespace tasklane::observe
