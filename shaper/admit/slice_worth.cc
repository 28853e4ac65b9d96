#include "shaper/admit/slice_worth.h"

#include <algorithm>

namespace tasklane {
namespace {

// What a chat that arrives may wait for.
constexpr double slice_seconds = 0.25;
constexpr std::size_t smallest_slice = 64;
// An answer in another slot stands still for a part of one: little more than a token takes.
constexpr std::size_t parts_of_a_slice = 8;
constexpr std::size_t largest_slice = 8192;
// Fewer tell more of the server's fixed costs than of its rate.
constexpr std::size_t telling_tokens = 96;
// Sliding-window models keep no prefix that is shorter.
constexpr std::size_t sliding_window = 640;
constexpr unsigned most_lost = 2;

}  // namespace

std::optional<SliceOptions> SliceWorth::options() const {
  if (off_ || !rate_) return std::nullopt;
  SliceOptions options;
  options.slice_tokens =
      std::clamp(static_cast<std::size_t>(*rate_ * slice_seconds), smallest_slice, largest_slice);
  options.bytes_per_token = bytes_per_token_;
  options.first_tokens = first_tokens_;
  options.parts = parts_of_a_slice;
  return options;
}

// Ollama tells the tokens of the whole prompt and the time of those that were computed: a prompt half in the
// cache looks fast. So a slower figure is believed at once, a faster one by and by.
void SliceWorth::learn_rate(std::size_t tokens, Duration time) {
  if (tokens < telling_tokens || time <= Duration::zero()) return;
  const double rate = static_cast<double>(tokens) / seconds_of(time);
  rate_ = !rate_ || rate < *rate_ ? rate : 0.9 * *rate_ + 0.1 * std::min(rate, 2 * *rate_);
}

void SliceWorth::whole(const UpstreamFigures& figures) {
  if (!figures.prompt_time) return;
  const std::optional<std::uint64_t> tokens =
      figures.computed_tokens ? figures.computed_tokens : figures.prompt_tokens;
  if (tokens) learn_rate(*tokens, *figures.prompt_time);
}

std::size_t SliceWorth::slice(const UpstreamFigures& figures, std::size_t tokens, std::size_t before,
                              const SliceOptions& cut) {
  std::optional<std::uint64_t> prompt = figures.prompt_tokens;
  if (!prompt && figures.computed_tokens)
    prompt = *figures.computed_tokens + figures.cached_tokens.value_or(0);
  if (!prompt || !figures.prompt_time) {
    off_ = true;  // it tells nothing to go by
    return 0;
  }
  if (tokens > 0) {
    const double factor = static_cast<double>(*prompt) / static_cast<double>(tokens);
    bytes_per_token_ = std::clamp(cut.bytes_per_token / std::clamp(factor, 0.5, 2.0), 1.5, 8.0);
  }
  if (before == 0 || *prompt <= before) return *prompt;
  const double added = static_cast<double>(*prompt - before);
  // Cached tokens where they are told; else the time, nearer to that of the added tokens than of them all.
  const bool kept = figures.cached_tokens ? *figures.cached_tokens * 2 > before
                                          : seconds_of(*figures.prompt_time) * rate_.value_or(0) <
                                                added + static_cast<double>(before) / 2;
  if (kept)
    lost_ = 0;
  else if (before < sliding_window && first_tokens_ == 0)
    first_tokens_ = sliding_window;
  else if (++lost_ >= most_lost)
    off_ = true;
  return *prompt;
}

}  // namespace tasklane
