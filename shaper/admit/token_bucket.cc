#include "shaper/admit/token_bucket.h"

#include <algorithm>
#include <vector>

namespace tasklane {
namespace {

constexpr std::size_t most_buckets = 4096;

}  // namespace

Time TokenBuckets::take(std::uint64_t key, Rate rate, double burst, bool take_late, Time now) {
  if (buckets_.size() >= most_buckets && !buckets_.contains(key)) forget_the_older_half();
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

void TokenBuckets::forget_the_older_half() {
  std::vector<Time> times;
  times.reserve(buckets_.size());
  for (const auto& [key, bucket] : buckets_) times.push_back(bucket.at);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  std::erase_if(buckets_, [&](const auto& entry) { return entry.second.at <= *middle; });
}

}  // namespace tasklane
