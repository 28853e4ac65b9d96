// How a long prompt is cut into slices (shaper/task/slices.h), as it is learnt of its server.
#pragma once

#include <cstddef>

#include "shaper/dialect/token_estimate.h"

namespace tasklane {

struct SliceOptions {
  std::size_t slice_tokens = 256;                  // how much one slice adds
  double bytes_per_token = usual_bytes_per_token;  // learnt from the upstream
  std::size_t first_tokens = 0;  // at least, in the first slice: sliding-window models keep nothing below 600
  std::size_t most_slices = 64;  // past it they grow
  std::size_t parts = 1;         // that a slice can be asked in, while a chat is being answered beside
};

}  // namespace tasklane
