// What was paid to an upstream in the last 24 hours, by the hour. Takes the time as it is given; not
// thread-safe. It is forgotten when the agent ends.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "shaper/base/money.h"
#include "shaper/base/time.h"

namespace tasklane {

class Spending {
 public:
  // Below zero: what was charged too much before is given back.
  void spend(Time now, Money money) {
    Hour& hour = hours_.at(static_cast<std::size_t>(hour_of(now)) % hours_.size());
    if (hour.number != hour_of(now)) hour = {hour_of(now), {}};
    hour.sum += money;
    all_ += money;
  }
  [[nodiscard]] Money last_day(Time now) const {
    Money sum;
    for (const Hour& hour : hours_)
      if (hour_of(now) - hour.number < static_cast<std::int64_t>(hours_.size())) sum += hour.sum;
    return std::max(sum, Money());  // given back may be what an hour before the last 24 was charged
  }
  [[nodiscard]] Money all() const { return all_; }

 private:
  struct Hour {
    std::int64_t number = -1000;
    Money sum{};
  };
  // Of a clock that never is before its own zero.
  static std::int64_t hour_of(Time now) {
    return std::chrono::duration_cast<std::chrono::hours>(now.time_since_epoch()).count();
  }
  std::array<Hour, 24> hours_{};
  Money all_{};
};

}  // namespace tasklane
