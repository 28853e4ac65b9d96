// Whether asking tasks on top of their chat (shaper/task/graft.h) pays on a server with a model, by what it
// says of its work. Where its prompt is not found in the cache, where nothing is told, and where the answers
// are not what was asked for, it is tried only now and then; where the figures cannot be true, never.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include "shaper/dialect/figures.h"
#include "shaper/server/known_prefix.h"

namespace tasklane {

class GraftWorth {
 public:
  // Called on each occasion; `chat_tokens`: of the chat that it would go on from, 0 where unknown.
  [[nodiscard]] bool pays(std::size_t chat_tokens) {
    if (off_ || chat_tokens >= too_long_) return false;
    return in_vain_ < enough || ++passed_over_ % probe_every == 0;
  }

  // What a prompt took that need not have been in the cache.
  void other(const UpstreamFigures& figures);
  // What a grafted task took. `expected`: the chat's prompt should have been in the cache. `rate`: at which
  // the server is known to read prompts, in tokens a second.
  void answered(const UpstreamFigures& figures, std::size_t chat_tokens, bool expected,
                std::optional<double> rate);
  // What a chat's prompt took that was asked again behind other work.
  void asked_again(const UpstreamFigures& figures, std::size_t chat_tokens, std::optional<double> rate);
  // Whether the chat's prompt was seen to stay in the cache though other work came in between, or not to.
  [[nodiscard]] bool kept_through() const { return other_work_ == 0; }
  [[nodiscard]] bool is_pushed_out() const { return other_work_ >= pushed_out; }
  // How the last message began that was asked on top of this chat, where that was a suggestion's: the server
  // is taken to have it in its cache. Whatever is asked there otherwise takes its place.
  [[nodiscard]] KnownPrefix suggestion(std::uint64_t chat) const {
    return chat != 0 && chat == suggestion_of_ ? suggestion_ : KnownPrefix();
  }
  void asked(std::uint64_t chat, KnownPrefix suggestion = {}) {
    suggestion_of_ = chat;
    suggestion_ = std::move(suggestion);
  }
  // One was refused, or its answer could not be used.
  void in_vain() { ++in_vain_; }
  // One was refused for its length.
  void too_long(std::size_t chat_tokens) {
    if (chat_tokens > 0) too_long_ = std::min(too_long_, chat_tokens);
  }

 private:
  void behind_other_work(std::optional<bool> found);
  void see_writing(const UpstreamFigures& figures);
  [[nodiscard]] std::optional<bool> found(const UpstreamFigures& figures, std::size_t prompt,
                                          std::size_t chat, std::optional<double> rate) const;
  [[nodiscard]] std::optional<bool> found_by_time(double seconds, std::size_t prompt, double most_read,
                                                  std::optional<double> rate) const;

  static constexpr unsigned enough = 3;  // in a row
  static constexpr unsigned probe_every = 16;
  static constexpr std::size_t most_rates = 16;
  static constexpr unsigned pushed_out = 2;

  std::deque<double> rates_;  // prompt tokens a second, cached ones too, where the server does not tell them
  double writing_rate_ = 0;   // tokens of answers a second, of the last one; 0: unknown
  std::size_t too_long_ = std::numeric_limits<std::size_t>::max();
  unsigned in_vain_ = 0;
  unsigned passed_over_ = 0;
  unsigned other_work_ = 1;  // times in a row that it had pushed the chat's prompt out
  bool off_ = false;
  KnownPrefix suggestion_;
  std::uint64_t suggestion_of_ = 0;  // a conversation
};

}  // namespace tasklane
