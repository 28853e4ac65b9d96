// Whether, and in how large slices, a server's long task prompts are prefilled: learnt from what it says of
// its work, for chats too. Without figures, or where a prefix is not kept, they are asked whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "shaper/dialect/figures.h"
#include "shaper/server/known_prefix.h"
#include "shaper/server/slice_options.h"

namespace tasklane {

class SliceWorth {
 public:
  // How to cut the next prompt, carefully where nothing is known yet; none: ask it whole.
  [[nodiscard]] std::optional<SliceOptions> options() const;
  // Whether anything was learnt of the server.
  [[nodiscard]] bool known() const { return off_ || left_alone_ > 0 || !rates_.empty(); }

  // The figures of a chat; those that do not tell what was in the cache are of no use.
  void chat(const UpstreamFigures& figures);
  // Of a task that was asked whole, after slices of `before` prompt tokens (0: none).
  void whole(const UpstreamFigures& figures, std::size_t before = 0);
  // Of what was asked on top of a chat of so many tokens (0: unknown) that should have been in the cache.
  void behind(std::size_t chat_tokens, const UpstreamFigures& figures);
  // Of a slice that was estimated at `tokens` by the options with which the prompt was cut, after one of
  // `before` prompt tokens (0: the first one). Gives the prompt tokens that are now known to be in the cache,
  // to be told with the next slice.
  std::size_t slice(const UpstreamFigures& figures, std::size_t tokens, std::size_t before,
                    const SliceOptions& cut);
  // The server would not take a slice.
  void refused() { off_ = true; }

  // How the last suggestion's prompt began, which the server is taken to have in its cache; nothing where it
  // was seen not to, but now and then. `in_slot`: nothing else was asked in its slot since, as far as is
  // known; else it may be in the host's memory.
  [[nodiscard]] KnownPrefix suggestion(bool in_slot);
  // A suggestion was answered.
  void suggested(KnownPrefix prompt) { suggestion_ = std::move(prompt); }
  // The first figures of one that began as the last one did.
  void suggestion_goes_on(const UpstreamFigures& figures, bool in_slot);

  // Whether so many new tokens are read in that time, as far as is known. Once in many times yes all the
  // same, for the server may have become faster.
  [[nodiscard]] bool may_read(double tokens, Duration within);

  // Prompt tokens a second, of what was new to the server; none: nothing was learnt yet.
  [[nodiscard]] std::optional<double> rate() const;

 private:
  [[nodiscard]] std::size_t slice_tokens() const;
  void learn(const UpstreamFigures& figures, std::size_t before, double most);
  void learn_rate(std::size_t tokens, Duration time);
  [[nodiscard]] bool few_take_as_long_as_some() const;
  [[nodiscard]] double rate_of(std::size_t tokens) const;
  [[nodiscard]] double work(const UpstreamFigures& figures, std::size_t added) const;
  void see_whether_kept(const UpstreamFigures& figures, std::size_t before, std::size_t added);

  std::deque<double> rates_;       // prompt tokens a second, of the last figures that tell
  std::deque<double> few_, some_;  // those of them that were of few tokens, and of some dozens
  bool exact_ = false;             // the server tells the tokens that it computed
  double bytes_per_token_ = usual_bytes_per_token;
  std::size_t first_tokens_ = 0;
  unsigned lost_ = 0;        // slices in a row that found nothing of the one before
  bool off_ = false;         // it refuses them, or tells nothing to go by
  unsigned left_alone_ = 0;  // prompts that are asked whole before slices are tried again
  // Whether a suggestion finds the last one, by whether that should be in its slot.
  struct Found {
    unsigned lost = 0;  // in a row
    unsigned passed_over = 0;
  };
  KnownPrefix suggestion_;
  Found in_slot_, elsewhere_;
  unsigned too_late_ = 0;  // suggestions in a row
};

}  // namespace tasklane
