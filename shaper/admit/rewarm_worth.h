// Whether asking a chat's prompt again pays on a server. What such a request itself had to wait for its token
// is what the chat's next turn is spared; a server that keeps prompts elsewhere has it ready at once, and is
// then asked only now and then, and so is one that takes too long for it.
#pragma once

#include <deque>

#include "shaper/base/time.h"

namespace tasklane {

class RewarmWorth {
 public:
  // Called on each occasion.
  [[nodiscard]] bool pays() {
    if (spared_.size() < enough) return true;
    for (const Duration spared : spared_)
      if (spared >= worthwhile && spared <= longest) return true;
    return ++passed_over_ % probe_every == 0;
  }

  void measured(Duration first_token) {
    spared_.push_back(first_token);
    if (spared_.size() > enough) spared_.pop_front();
  }

 private:
  static constexpr std::size_t enough = 3;
  static constexpr unsigned probe_every = 16;
  // A prompt that is still in its slot is answered within 65 ms on a slow machine.
  static constexpr Duration worthwhile = std::chrono::milliseconds(80);
  // One that takes longer is likely to be in the way of the next chat, which then waits for a batch of it.
  static constexpr Duration longest = std::chrono::seconds(5);
  std::deque<Duration> spared_;  // by the last ones
  unsigned passed_over_ = 0;
};

}  // namespace tasklane
