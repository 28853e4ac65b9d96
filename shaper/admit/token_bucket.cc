#include "shaper/admit/token_bucket.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::size_t most_buckets = 4096;
constexpr Duration forgotten_after = std::chrono::minutes(10);

}  // namespace

Time TokenBuckets::take(std::uint64_t key, Rate rate, double burst, bool take_late, Time now) {
  if (buckets_.size() >= most_buckets) forget_full(now);
  Bucket& bucket = buckets_.try_emplace(key, Bucket{burst, now}).first->second;
  bucket.tokens = std::min(burst, bucket.tokens + seconds_of(now - bucket.at) * rate.per_second);
  bucket.at = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return now;
  }
  if (rate.per_second <= 0) return Time::max();
  const Time when = now + from_seconds((1 - bucket.tokens) / rate.per_second);
  if (take_late) bucket.tokens -= 1;
  return when;
}

void TokenBuckets::forget_full(Time now) {
  std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at > forgotten_after; });
}

}  // namespace tasklane
