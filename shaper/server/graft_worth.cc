#include "shaper/server/graft_worth.h"

namespace tasklane {
namespace {

constexpr std::size_t telling_prompt = 128;  // tokens: of less the server's fixed costs tell more
// Of a chat's tokens: the server counts them a little otherwise once more is behind them.
constexpr double all_but_a_few = 0.9;
constexpr std::size_t telling_chat = 64;  // it would cost next to nothing to read it

bool could_be_true(const UpstreamFigures& figures) {
  if (figures.prompt_time && *figures.prompt_time < Duration::zero()) return false;
  const std::uint64_t cached = figures.cached_tokens.value_or(0);
  const std::uint64_t computed = figures.computed_tokens.value_or(0);
  if (!figures.prompt_tokens) return true;
  return *figures.prompt_tokens > 0 && cached <= *figures.prompt_tokens && computed <= *figures.prompt_tokens;
}

}  // namespace

void GraftWorth::other(const UpstreamFigures& figures) {
  const std::size_t prompt = prompt_of(figures);
  if (figures.computed_tokens || figures.cached_tokens || !figures.prompt_time || prompt < telling_prompt ||
      *figures.prompt_time <= Duration::zero())
    return;
  rates_.push_back(static_cast<double>(prompt) / seconds_of(*figures.prompt_time));
  if (rates_.size() > most_rates) rates_.pop_front();
}

// More than half of the chat. Where the cached tokens are not told (Ollama), by the time: the slowest prompt
// of late was the coldest.
std::optional<bool> GraftWorth::found(const UpstreamFigures& figures, std::size_t prompt,
                                      std::size_t chat) const {
  if (prompt == 0) return std::nullopt;
  const double half = static_cast<double>(chat) / 2;
  const double most_read = static_cast<double>(prompt) - half;
  if (figures.cached_tokens) return static_cast<double>(*figures.cached_tokens) > half;
  if (figures.computed_tokens) return static_cast<double>(*figures.computed_tokens) < most_read;
  if (!figures.prompt_time || rates_.empty()) return std::nullopt;
  return seconds_of(*figures.prompt_time) < most_read / *std::min_element(rates_.begin(), rates_.end());
}

void GraftWorth::answered(const UpstreamFigures& figures, std::size_t chat_tokens, bool expected) {
  if (!could_be_true(figures)) {
    off_ = true;
    return;
  }
  const std::size_t prompt = prompt_of(figures);
  if (prompt > 0 && static_cast<double>(prompt) < all_but_a_few * static_cast<double>(chat_tokens))
    too_long(chat_tokens);  // its beginning was cut off
  const std::size_t chat = chat_tokens > 0 ? std::min(chat_tokens, prompt) : prompt / 2;
  if (prompt > 0 && chat < telling_chat) return;
  const std::optional<bool> there = found(figures, prompt, chat);
  if (expected)
    in_vain_ = there.value_or(false) ? 0 : in_vain_ + 1;
  else
    behind_other_work(there);
}

void GraftWorth::asked_again(const UpstreamFigures& figures, std::size_t chat_tokens) {
  const std::size_t prompt = prompt_of(figures);
  if (could_be_true(figures) && prompt >= telling_prompt)
    behind_other_work(found(figures, prompt, chat_tokens > 0 ? std::min(chat_tokens, prompt) : prompt));
}

void GraftWorth::behind_other_work(std::optional<bool> found) {
  if (found) other_work_ = *found ? 0 : other_work_ + 1;
}

}  // namespace tasklane
