// Whether, and in how large slices, a server's long background prompts are prefilled: learnt from what it
// says of its work. Without figures, or where a prefix is not kept, they are asked whole.
#pragma once

#include <cstddef>
#include <optional>

#include "shaper/answer/figures.h"
#include "shaper/rewrite/slices.h"

namespace tasklane {

class SliceWorth {
 public:
  // How to cut the next prompt; none: ask it whole.
  [[nodiscard]] std::optional<SliceOptions> options() const;

  // The figures of a request that was asked whole.
  void whole(const UpstreamFigures& figures);
  // Of a slice that was estimated at `tokens` by the options with which the prompt was cut, after one of
  // `before` prompt tokens (0: the first one). Gives the prompt tokens that are now known to be in the cache,
  // to be told with the next slice.
  std::size_t slice(const UpstreamFigures& figures, std::size_t tokens, std::size_t before,
                    const SliceOptions& cut);
  // The server would not take a slice.
  void refused() { off_ = true; }

 private:
  void learn_rate(std::size_t tokens, Duration time);

  std::optional<double> rate_;  // prompt tokens a second
  double bytes_per_token_ = usual_bytes_per_token;
  std::size_t first_tokens_ = 0;
  unsigned lost_ = 0;  // slices in a row that found nothing of the one before
  bool off_ = false;
};

}  // namespace tasklane
