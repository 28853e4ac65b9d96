#include "shaper/admit/token_bucket.h"

#include <gtest/gtest.h>

#include "unit/start.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Rate two_a_second{2};

TEST(ABucket, GivesItsBurstAndThenWhatItsRateBrings) {
  TokenBuckets buckets;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(buckets.take(1, two_a_second, 3, false, start), start);
  EXPECT_EQ(buckets.take(1, two_a_second, 3, false, start), start + 500ms);
  EXPECT_EQ(buckets.take(1, two_a_second, 3, false, start + 500ms), start + 500ms);
  EXPECT_GT(buckets.take(1, two_a_second, 3, false, start + 500ms), start + 500ms);
}

TEST(ABucket, ThatIsTakenFromLateQueuesThem) {
  TokenBuckets buckets;
  EXPECT_EQ(buckets.take(1, two_a_second, 1, true, start), start);
  EXPECT_EQ(buckets.take(1, two_a_second, 1, true, start), start + 500ms);
  EXPECT_EQ(buckets.take(1, two_a_second, 1, true, start), start + 1s);
}

TEST(ABucket, OfAnotherKeyIsAnother) {
  TokenBuckets buckets;
  EXPECT_EQ(buckets.take(1, two_a_second, 1, false, start), start);
  EXPECT_EQ(buckets.take(2, two_a_second, 1, false, start), start);
}

TEST(Buckets, AreNeverMoreThanTheirBoundAndTheLatestIsKept) {
  TokenBuckets buckets;
  for (std::uint64_t key = 1; key <= 20000; ++key)
    buckets.take(key, two_a_second, 1, false, start + key * std::chrono::microseconds(1));
  EXPECT_LE(buckets.size(), 4096u);
  const Time now = start + std::chrono::microseconds(20001);
  EXPECT_GT(buckets.take(20000, two_a_second, 1, false, now), now) << "its token is gone";
}

}  // namespace
}  // namespace tasklane
