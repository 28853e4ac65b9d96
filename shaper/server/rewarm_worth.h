// Whether asking a chat's prompt again pays on a server. What such a request itself had to wait for its token
// is what the chat's next turn is spared; a server that has it ready at once is then asked only now and then,
// and so is one that takes too long for it, or whose next turns are seen to have been spared nothing. Where a
// server has several slots, one that is ready at once is of use all the same: llama-server gives the slot
// away that was used longest ago, and behind it that is not the chat's.
#pragma once

#include <cstdint>
#include <deque>

#include "shaper/base/time.h"

namespace tasklane {

// The first one behind a turn reads the turn's answer too, as the next turn will quote it; a later one only
// brings back what other work has pushed out meanwhile.
enum class RewarmOf : std::uint8_t { answer, lost_prompt };

class RewarmWorth {
 public:
  // Called on each occasion: behind a turn, and behind a re-warm whether there shall be another.
  [[nodiscard]] bool pays(RewarmOf what, bool several_slots = false) {
    Seen& seen = of(what);
    if (in_vain_ >= enough) return ++seen.passed_over % probe_every == 0;
    if (seen.spared.size() < enough) return true;
    for (const Duration spared : seen.spared)
      if ((several_slots || spared >= worthwhile) && spared <= longest) return true;
    return ++seen.passed_over % probe_every == 0;
  }

  void measured(RewarmOf what, Duration first_token) {
    Seen& seen = of(what);
    seen.spared.push_back(first_token);
    if (seen.spared.size() > enough) seen.spared.pop_front();
  }
  // The turn behind one found its prompt in the cache, or computed it all the same.
  void found(bool in_cache) { in_vain_ = in_cache ? 0 : in_vain_ + 1; }

 private:
  struct Seen {
    std::deque<Duration> spared;  // by the last ones
    unsigned passed_over = 0;
  };
  Seen& of(RewarmOf what) { return what == RewarmOf::answer ? answer_ : lost_prompt_; }

  static constexpr std::size_t enough = 3;
  static constexpr unsigned probe_every = 16;
  // A prompt that is still in its slot is answered within 65 ms on a slow machine.
  static constexpr Duration worthwhile = std::chrono::milliseconds(80);
  // The longer it takes, the likelier is another chat to come meanwhile, which then waits for a batch of it.
  static constexpr Duration longest = std::chrono::seconds(30);
  Seen answer_, lost_prompt_;
  std::size_t in_vain_ = 0;  // turns in a row
};

}  // namespace tasklane
