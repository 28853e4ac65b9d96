#include "shaper/server/graft_worth.h"

namespace tasklane {
namespace {

constexpr std::size_t telling_prompt = 128;  // tokens: of less the server's fixed costs tell more
// Of a chat's tokens: the server counts them a little otherwise once more is behind them.
constexpr double all_but_a_few = 0.9;
constexpr std::size_t telling_chat = 64;     // it would cost next to nothing to read it
constexpr std::uint64_t telling_answer = 8;  // tokens

// Of the rate at which answers are written. A slice of few tokens is hardly read faster behind a long prompt.
constexpr double slowest_reading = 0.5;

// Some servers fill the field of a time with 0 or 1: no prompt is read in so little, not even one of the
// cache.
constexpr Duration shortest_prompt = std::chrono::microseconds(100);

bool tells_time(const UpstreamFigures& figures) {
  return figures.prompt_time && *figures.prompt_time >= shortest_prompt;
}

bool could_be_true(const UpstreamFigures& figures) {
  if (figures.prompt_time && *figures.prompt_time < Duration::zero()) return false;
  const std::uint64_t cached = figures.cached_tokens.value_or(0);
  const std::uint64_t computed = figures.computed_tokens.value_or(0);
  if (!figures.prompt_tokens) return true;
  return *figures.prompt_tokens > 0 && cached <= *figures.prompt_tokens && computed <= *figures.prompt_tokens;
}

}  // namespace

void GraftWorth::other(const UpstreamFigures& figures) {
  see_writing(figures);
  const std::size_t prompt = prompt_of(figures);
  if (figures.computed_tokens || figures.cached_tokens || !tells_time(figures) || prompt < telling_prompt)
    return;
  rates_.push_back(static_cast<double>(prompt) / seconds_of(*figures.prompt_time));
  if (rates_.size() > most_rates) rates_.pop_front();
}

void GraftWorth::see_writing(const UpstreamFigures& figures) {
  if (figures.generated_tokens.value_or(0) >= telling_answer && figures.generation_time &&
      *figures.generation_time > Duration::zero())
    writing_rate_ = static_cast<double>(*figures.generated_tokens) / seconds_of(*figures.generation_time);
}

// More than half of the chat. Where the cached tokens are not told (Ollama), by the time, as far as what was
// added is not most of it.
std::optional<bool> GraftWorth::found(const UpstreamFigures& figures, std::size_t prompt, std::size_t chat,
                                      std::optional<double> rate) const {
  if (prompt == 0) return std::nullopt;
  const double half = static_cast<double>(chat) / 2;
  const double most_read = static_cast<double>(prompt) - half;
  if (figures.cached_tokens) return static_cast<double>(*figures.cached_tokens) > half;
  if (figures.computed_tokens) return static_cast<double>(*figures.computed_tokens) < most_read;
  if (!tells_time(figures) || half * 4 < static_cast<double>(prompt)) return std::nullopt;
  return found_by_time(seconds_of(*figures.prompt_time), prompt, most_read, rate);
}

// Each prompt of late may have been in the cache, so the server reads no faster than the slowest seems to
// say: what took less was found. What took more is held against the rate of slices, which are new to the
// server; where a server keeps no prompt at all, a slice takes as long as all before it and seems to be read
// far more slowly than answers are written, which cannot be. Without such a rate, what was as slow as the
// slowest one was not found either, and of what was slower than anything nothing is known.
std::optional<bool> GraftWorth::found_by_time(double seconds, std::size_t prompt, double most_read,
                                              std::optional<double> rate) const {
  const auto slowest = std::min_element(rates_.begin(), rates_.end());
  if (slowest != rates_.end() && seconds < most_read / *slowest) return true;
  if (rate && *rate > writing_rate_ * slowest_reading) return seconds < most_read / *rate;
  if (rate || (slowest != rates_.end() && seconds < 2 * static_cast<double>(prompt) / *slowest)) return false;
  return std::nullopt;
}

void GraftWorth::answered(const UpstreamFigures& figures, std::size_t chat_tokens, bool expected,
                          std::optional<double> rate) {
  if (!could_be_true(figures)) {
    off_ = true;
    return;
  }
  const std::size_t prompt = prompt_of(figures);
  if (prompt > 0 && static_cast<double>(prompt) < all_but_a_few * static_cast<double>(chat_tokens))
    too_long(chat_tokens);  // its beginning was cut off
  const std::size_t chat = chat_tokens > 0 ? std::min(chat_tokens, prompt) : prompt / 2;
  if (prompt > 0 && chat < telling_chat) return;
  see_writing(figures);
  const std::optional<bool> there = found(figures, prompt, chat, rate);
  if (expected && (there || !tells_time(figures)))
    in_vain_ = there.value_or(false) ? 0 : in_vain_ + 1;
  else if (!expected)
    behind_other_work(there);
}

void GraftWorth::asked_again(const UpstreamFigures& figures, std::size_t chat_tokens,
                             std::optional<double> rate) {
  const std::size_t prompt = prompt_of(figures);
  if (could_be_true(figures) && prompt >= telling_prompt)
    behind_other_work(found(figures, prompt, chat_tokens > 0 ? std::min(chat_tokens, prompt) : prompt, rate));
}

void GraftWorth::behind_other_work(std::optional<bool> found) {
  if (found) other_work_ = *found ? 0 : other_work_ + 1;
}

}  // namespace tasklane
