#include "shaper/classify/window_set.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tasklane {
namespace {

// Of a phrase that a text repeats, the first places are enough; more would make probing slow.
constexpr int places_per_window = 8;

// Many messages share their first or last words. A front end that cuts keeps far more than that.
constexpr std::size_t least_of_both_ends = 160;
constexpr std::size_t least_of_the_end = 256;

// How many windows of the message stand in the text at their distances from its first window (step 1) or from
// its last one (step -1), one after the other.
std::uint32_t longest_run(const MessagePrint& message, const WindowSet& text, bool from_start) {
  std::uint32_t best = 0;
  const std::uint32_t anchor = from_start ? 0 : message.count - 1;
  text.each_place(message.windows[anchor], [&](std::size_t place) {
    const auto stands = [&](std::uint32_t nth) {
      const std::uint32_t window = from_start ? nth : anchor - nth;
      const std::size_t expected = place + message.offsets[window] - message.offsets[anchor];
      return text.contains(message.windows[window], expected);
    };
    // A longer one has the next window too: in a text that repeats itself hardly any place does.
    if (best == message.count || !stands(best)) return;
    std::uint32_t run = 0;
    while (run < message.count && stands(run)) ++run;
    best = std::max(best, run);
  });
  return best;
}

}  // namespace

WindowSet::WindowSet(const std::vector<Window>& windows)
    : entries_(2 * std::bit_ceil(std::max<std::size_t>(windows.size(), 4))) {
  // Windows that have all their places, some of them: a text that repeats itself has hardly any others.
  std::array<std::uint32_t, 256> full{};
  for (const Window& window : windows) {
    const std::uint32_t value = value_of(window.hash);
    std::uint32_t& full_here = full[value >> 1U & (full.size() - 1)];
    if (full_here == value) continue;
    std::size_t at = slot_of(value);
    int same = 0;
    while (entries_[at].value != 0 && same < places_per_window) {
      if (entries_[at].value == value) ++same;
      at = (at + 1) & (entries_.size() - 1);
    }
    if (same < places_per_window)
      entries_[at] = {value, static_cast<std::uint32_t>(window.place)};
    else
      full_here = value;
  }
}

bool WindowSet::contains(WindowHash hash, std::size_t place) const {
  if (entries_.empty()) return false;
  const std::uint32_t value = value_of(hash);
  for (std::size_t at = slot_of(value); entries_[at].value != 0; at = (at + 1) & (entries_.size() - 1))
    if (entries_[at].value == value && entries_[at].place == place) return true;
  return false;
}

Overlap overlap_of(const MessagePrint& message, const WindowSet& text) {
  if (message.count == 0) return {};
  const std::uint32_t head = longest_run(message, text, true);
  if (head == message.count) return {true, message.length};
  const std::uint32_t tail = longest_run(message, text, false);
  const std::size_t head_bytes = head >= 2 ? message.offsets[head - 1] + window_bytes : 0;
  const std::size_t tail_bytes = tail >= 2 ? message.length - message.offsets[message.count - tail] : 0;
  const std::size_t bytes = head_bytes + tail_bytes;
  const bool enough = head_bytes > 0 ? bytes >= least_of_both_ends : bytes >= least_of_the_end;
  return {false, enough ? bytes : 0};
}

}  // namespace tasklane
