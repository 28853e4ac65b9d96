#include "shaper/server/slice_worth.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tasklane {
namespace {

// What a chat that arrives may wait for.
constexpr double slice_seconds = 0.25;
constexpr std::size_t smallest_slice = 16;
constexpr std::size_t smallest_part = 8;
constexpr std::size_t largest_slice = 8192;
// Half a second's work of a slow machine.
constexpr double unknown_rate = 512;
// An answer in another slot stands still for a part of one: little more than a token takes.
constexpr std::size_t parts_of_a_slice = 8;
// Behind a long prompt some servers read a few tokens one by one, and some dozens at once: llama.cpp on a CPU
// takes 1.2 s for 63 and 0.8 s for 65 there. A slice of those is then the better one, for there are fewer of
// them: what a chat waits for on the average, which grows with the square of a slice's time over its tokens,
// is the same.
constexpr std::size_t some_tokens = 80;  // for what is cut by an estimate
constexpr std::size_t some_at_least = 64;
constexpr double as_long = 1.4;           // times the rate
constexpr std::size_t enough_of_few = 4;  // figures, to try some once
constexpr double few_at_least = 0.5;      // of the rate, as long as nothing is known of few
// Figures of less than half a slice tell more of the server's fixed costs than of its rate; of so many tokens
// they always tell.
constexpr std::size_t telling_part = 2;
constexpr std::size_t telling_tokens = 96;
// Of so many figures the middle one counts: a moment's other work, a prompt half in the cache or pushed out
// of it make the others.
constexpr std::size_t most_rates = 9;
constexpr unsigned most_too_late = 4;  // in a row
// Sliding-window models keep no prefix that is shorter.
constexpr std::size_t sliding_window = 640;
constexpr unsigned most_lost = 2;
// So many prompts are asked whole behind that: a server that was slow for a moment looks the same.
constexpr unsigned tried_again_after = 16;
// A suggestion that finds nothing of the last one, as where its slot was taken, is read in one piece, and a
// chat that comes waits for it.
constexpr unsigned elsewhere_again_after = 256;
// So many times what it added a slice that found the others computes at most. Where only its time tells that,
// other work and an unsure rate do too: there a bit more, and what is doubtful tells no rate.
constexpr double most_work = 2;
constexpr double most_work_by_time = 2.5;
constexpr double most_work_of_slice = 1.5;
constexpr double most_work_of_whole = 4;

// The lower of the two in the middle.
std::optional<double> middle_of(const std::deque<double>& rates) {
  if (rates.empty()) return std::nullopt;
  std::vector<double> sorted(rates.begin(), rates.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

void keep_last(std::deque<double>& rates, double rate) {
  rates.push_back(rate);
  if (rates.size() > most_rates) rates.pop_front();
}

}  // namespace

std::optional<double> SliceWorth::rate() const { return middle_of(rates_); }

bool SliceWorth::few_take_as_long_as_some() const {
  const std::optional<double> few = middle_of(few_);
  const std::optional<double> some = middle_of(some_);
  return few && some && *some > *few * as_long;
}

std::size_t SliceWorth::slice_tokens() const {
  const auto in_time = static_cast<std::size_t>(rate().value_or(unknown_rate) * slice_seconds);
  const bool to_be_tried = some_.empty() && few_.size() >= enough_of_few;
  if (in_time < some_tokens && (to_be_tried || few_take_as_long_as_some())) return some_tokens;
  return std::clamp(in_time, smallest_slice, largest_slice);
}

std::optional<SliceOptions> SliceWorth::options() const {
  if (off_ || left_alone_ > 0) return std::nullopt;
  SliceOptions options;
  options.slice_tokens = slice_tokens();
  options.bytes_per_token = bytes_per_token_;
  options.first_tokens = first_tokens_;
  options.parts = std::clamp<std::size_t>(options.slice_tokens / smallest_part, 1, parts_of_a_slice);
  return options;
}

void SliceWorth::learn_rate(std::size_t tokens, Duration time) {
  // Better a careful guess than none.
  const std::size_t telling =
      rates_.empty() ? smallest_slice : std::min(slice_tokens() / telling_part, telling_tokens);
  if (time <= Duration::zero() || tokens < telling) return;
  const double rate = static_cast<double>(tokens) / seconds_of(time);
  keep_last(rates_, rate);
  if (tokens < some_at_least)
    keep_last(few_, rate);
  else if (tokens <= 4 * some_at_least)
    keep_last(some_, rate);
}

// Of what a request added to the prompt: so many times that much it computed. By the tokens where they are
// told, else by the time, as far as the rate is known.
double SliceWorth::work(const UpstreamFigures& figures, std::size_t added) const {
  const double computed = figures.computed_tokens ? static_cast<double>(*figures.computed_tokens)
                                                  : seconds_of(*figures.prompt_time) * rate_of(added);
  return computed / static_cast<double>(added);
}

double SliceWorth::rate_of(std::size_t tokens) const {
  const double known = rate().value_or(0);
  return tokens < some_at_least ? middle_of(few_).value_or(known * few_at_least) : known;
}

void SliceWorth::chat(const UpstreamFigures& figures) {
  if (figures.computed_tokens) whole(figures);
}

void SliceWorth::whole(const UpstreamFigures& figures, std::size_t before) {
  if (left_alone_ > 0 && --left_alone_ == 0)
    for (auto* of_then : {&rates_, &few_, &some_}) of_then->clear();
  const std::size_t prompt = prompt_of(figures);
  if (before > 0 && prompt > before && figures.prompt_time)
    see_whether_kept(figures, before, prompt - before);
  learn(figures, before, most_work_of_whole);
}

void SliceWorth::behind(std::size_t chat_tokens, const UpstreamFigures& figures) {
  if (chat_tokens > 0 && prompt_of(figures) > chat_tokens) learn(figures, chat_tokens, most_work_of_slice);
}

// Ollama tells the tokens of the whole prompt, and the time of those that were not in its cache: what began
// in the cache looks fast, what found nothing of the slices before it slow. The others count.
void SliceWorth::learn(const UpstreamFigures& figures, std::size_t before, double most) {
  if (!figures.prompt_time) return;
  if (figures.computed_tokens) {
    if (!std::exchange(exact_, true))
      for (auto* guessed : {&rates_, &few_, &some_}) guessed->clear();
    return learn_rate(*figures.computed_tokens, *figures.prompt_time);
  }
  if (exact_ || !figures.prompt_tokens || *figures.prompt_tokens <= before) return;
  const std::size_t added = *figures.prompt_tokens - before;
  const double done = work(figures, added);
  if (rates_.empty() || (before > 0 ? done < most : done > 1)) learn_rate(added, *figures.prompt_time);
}

// Whether a slice found the ones before it. One that did not says little: other work may have come in
// between.
void SliceWorth::see_whether_kept(const UpstreamFigures& figures, std::size_t before, std::size_t added) {
  if (work(figures, added) < (figures.computed_tokens ? most_work : most_work_by_time)) {
    lost_ = 0;
  } else if (++lost_ >= most_lost) {
    lost_ = 0;
    if (before < sliding_window && first_tokens_ == 0)
      first_tokens_ = sliding_window;
    else
      left_alone_ = tried_again_after;
  }
}

KnownPrefix SliceWorth::suggestion(bool in_slot) {
  Found& found = in_slot ? in_slot_ : elsewhere_;
  const unsigned again = in_slot ? tried_again_after : elsewhere_again_after;
  const bool trusted = found.lost < most_lost || ++found.passed_over % again == 0;
  return trusted ? suggestion_ : KnownPrefix();
}

void SliceWorth::suggestion_goes_on(const UpstreamFigures& figures, bool in_slot) {
  if (!figures.prompt_time) return;
  const bool was_there =
      work(figures, slice_tokens()) < (figures.computed_tokens ? most_work : most_work_by_time);
  unsigned& lost = (in_slot ? in_slot_ : elsewhere_).lost;
  lost = was_there ? 0 : lost + 1;
}

bool SliceWorth::may_read(double tokens, Duration within) {
  const std::optional<double> known = rate();
  if (!known || tokens / *known <= seconds_of(within) || too_late_ >= most_too_late) {
    too_late_ = 0;
    return true;
  }
  ++too_late_;
  return false;
}

std::size_t SliceWorth::slice(const UpstreamFigures& figures, std::size_t tokens, std::size_t before,
                              const SliceOptions& cut) {
  const std::size_t prompt = prompt_of(figures);
  if (prompt == 0 || !figures.prompt_time) {
    off_ = true;  // it tells nothing to go by
    return 0;
  }
  if (tokens > 0) {
    const double factor = static_cast<double>(prompt) / static_cast<double>(tokens);
    bytes_per_token_ = std::clamp(cut.bytes_per_token / std::clamp(factor, 0.5, 2.0), 1.5, 8.0);
  }
  const std::size_t added = prompt - std::min(before, prompt);
  // A part of a slice takes the time of the chat's answer beside it too.
  if (added < cut.slice_tokens / telling_part) return prompt;
  if (before > 0) see_whether_kept(figures, before, added);
  learn(figures, before, most_work_of_slice);
  return prompt;
}

}  // namespace tasklane
