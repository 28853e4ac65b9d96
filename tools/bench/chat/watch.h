// One answer as the person sees it.
#pragma once

#include <algorithm>

#include "tools/bench/chat/front.h"

namespace tasklane::bench {

struct Watch {
  Time asked, last{};
  Outcome outcome;

  void token(Time now) {
    if (last == Time{})
      outcome.first_token = now - asked;
    else
      outcome.longest_gap = std::max(outcome.longest_gap, now - last);
    last = now;
  }
};

}  // namespace tasklane::bench
