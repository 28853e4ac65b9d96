// Whether a server refuses a task that carries a priority. That one is answered does not show that it is
// heeded: vLLM passes it over in silence where it was not started for it. Forgotten after an hour, for a
// server may have been started otherwise by then.
#pragma once

#include <algorithm>

#include "shaper/base/time.h"

namespace tasklane {

class PrioritySeen {
 public:
  // Whether a task is to carry one.
  [[nodiscard]] bool worth_trying(Time now) const { return now >= std::max(refused_until_, doubted_until_); }
  void refused(Time now) { refused_until_ = now + std::chrono::hours(1); }
  // It may have been the priority that was refused; whoever asks again finds out.
  void doubted(Time now) { doubted_until_ = now + std::chrono::minutes(1); }
  void cleared() { doubted_until_ = {}; }

 private:
  Time refused_until_{};
  Time doubted_until_{};
};

}  // namespace tasklane
