// Whether a server that may know priorities puts a task behind its chats, learnt from how it answers one that
// carries a priority. Forgotten after an hour, for a server may have been started otherwise by then.
#pragma once

#include <cstdint>

#include "shaper/base/time.h"

namespace tasklane {

class PrioritySeen {
 public:
  // Whether a task is to carry one: unless it was refused.
  [[nodiscard]] bool worth_trying(Time now) const { return now >= until_ || takes_; }
  // Whether tasks that carry one are known to go behind chats.
  [[nodiscard]] bool heeded(Time now) const { return now < until_ && takes_; }

  void answered(Time now) { remember(true, now); }
  void refused(Time now) { remember(false, now); }

 private:
  static constexpr Duration known_for = std::chrono::hours(1);
  void remember(bool takes, Time now) {
    takes_ = takes;
    until_ = now + known_for;
  }
  bool takes_ = false;
  Time until_{};
};

}  // namespace tasklane
