// Token buckets, one for each key: how many requests may come, and when the next one may. Of more than 4,096
// keys those that were used last are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "shaper/base/time.h"
#include "shaper/base/units.h"

namespace tasklane {

class TokenBuckets {
 public:
  // Takes a token and tells from when on the request may go: `now` where one was there. `take_late` false
  // leaves the bucket alone where none was.
  Time take(std::uint64_t key, Rate rate, double burst, bool take_late, Time now);

  [[nodiscard]] std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    Time at;
  };
  void forget_the_older_half();
  std::map<std::uint64_t, Bucket> buckets_;
};

}  // namespace tasklane
