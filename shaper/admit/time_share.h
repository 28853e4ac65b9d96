// A part of a server's time that a kind of work may take, whoever it is for: a chat meets such work no more
// often than that. What one request took is paid for by a rest.
#pragma once

#include <algorithm>

#include "shaper/base/time.h"

namespace tasklane {

class TimeShare {
 public:
  [[nodiscard]] bool spent(Time now) const { return now < paid_until_; }
  // Work took the server for so long, up to now; `share` lies in (0, 1].
  void took(Duration time, double share, Time now) {
    const Duration rest = from_seconds(seconds_of(time) / share) - time;
    paid_until_ = std::max(paid_until_, now) + rest;
  }

 private:
  Time paid_until_{};
};

}  // namespace tasklane
