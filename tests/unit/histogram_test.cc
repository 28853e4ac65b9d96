// The histogram against exact quantiles: the stated error holds for whatever is put in.
#include "shaper/count/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Random = std::mt19937_64;

struct Shape {
  const char* name;
  std::function<double(Random&)> seconds;
};

// What durations look like in practice, and what they should not.
std::vector<Shape> shapes() {
  return {
      {"uniform", std::uniform_real_distribution(1e-6, 10.0)},
      {"exponential",
       [draw = std::exponential_distribution(3.0)](Random& r) mutable { return draw(r) + 1e-5; }},
      {"lognormal",
       [draw = std::lognormal_distribution(-2.0, 2.0)](Random& r) mutable { return draw(r) + 1e-5; }},
      {"two peaks", [](Random& r) { return r() % 10 == 0 ? 30.0 + static_cast<double>(r() % 9) : 0.004; }},
      {"all powers", [](Random& r) { return std::exp2(static_cast<double>(r() % 31)) * 1.1e-6; }},
      {"one value", [](Random&) { return 0.25; }},
  };
}

std::vector<Duration> drawn(const Shape& shape, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Duration> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(from_seconds(shape.seconds(random)));
  return values;
}

Histogram histogram_of(const std::vector<Duration>& values) {
  Histogram histogram;
  for (const Duration value : values) histogram.add(value);
  return histogram;
}

// The smallest value that at least the fraction q of all values does not exceed.
Duration exact_quantile(std::vector<Duration> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

TEST(AHistogram, IsZeroWhileEmpty) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.sum(), 0ns);
  EXPECT_EQ(empty.maximum(), 0ns);
  EXPECT_EQ(empty.quantile(0.5), 0ns);
  EXPECT_EQ(empty.count_up_to(1h), 0u);
}

TEST(AHistogram, TellsEveryQuantileWithinTheStatedError) {
  for (const Shape& shape : shapes())
    for (const std::size_t count : {1u, 2u, 99u, 5000u}) {
      const std::vector<Duration> values = drawn(shape, count, count);
      const Histogram histogram = histogram_of(values);
      for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
        const double exact = seconds_of(exact_quantile(values, q));
        EXPECT_NEAR(seconds_of(histogram.quantile(q)), exact, exact * Histogram::relative_error)
            << shape.name << ", " << count << " values, quantile " << q;
      }
    }
}

TEST(AHistogram, KeepsCountSumAndMaximumExactly) {
  const std::vector<Duration> values = drawn(shapes()[2], 3000, 7);
  const Histogram histogram = histogram_of(values);
  Duration sum{};
  for (const Duration value : values) sum += value;
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.sum(), sum);
  EXPECT_EQ(histogram.maximum(), *std::max_element(values.begin(), values.end()));
}

TEST(AHistogram, NeverTellsMoreThanTheLargestValueAndNeverFallsAsTheQuantileRises) {
  for (const Shape& shape : shapes()) {
    const Histogram histogram = histogram_of(drawn(shape, 500, 3));
    Duration before{};
    for (int percent = 0; percent <= 100; ++percent) {
      const Duration now = histogram.quantile(percent / 100.0);
      EXPECT_GE(now, before) << shape.name << " at " << percent;
      before = now;
    }
    EXPECT_LE(before, histogram.maximum()) << shape.name;
  }
}

TEST(AHistogram, CountsWhatIsUpToABoundWithinTheStatedError) {
  for (const Shape& shape : shapes()) {
    const std::vector<Duration> values = drawn(shape, 4000, 11);
    const Histogram histogram = histogram_of(values);
    const auto exact = [&](double seconds) {
      return std::count_if(values.begin(), values.end(),
                           [&](Duration v) { return seconds_of(v) <= seconds; });
    };
    for (const double bound : {0.0005, 0.005, 0.1, 0.25, 1.0, 5.0, 60.0, 3000.0}) {
      const auto counted = static_cast<std::ptrdiff_t>(histogram.count_up_to(from_seconds(bound)));
      EXPECT_GE(counted, exact(bound * (1 - Histogram::relative_error))) << shape.name << " up to " << bound;
      EXPECT_LE(counted, exact(bound * (1 + Histogram::relative_error))) << shape.name << " up to " << bound;
    }
  }
}

TEST(AHistogram, CountsNoFewerUnderALargerBound) {
  const Histogram histogram = histogram_of(drawn(shapes()[1], 2000, 5));
  std::uint64_t before = 0;
  for (Duration bound = 1us; bound < 100s; bound += bound / 7) {
    EXPECT_GE(histogram.count_up_to(bound), before);
    before = histogram.count_up_to(bound);
  }
  EXPECT_EQ(before, histogram.count());
}

TEST(AHistogram, MergedFromTwoIsTheOneOfAllValues) {
  const std::vector<Duration> left = drawn(shapes()[0], 700, 1);
  const std::vector<Duration> right = drawn(shapes()[2], 300, 2);
  std::vector<Duration> both = left;
  both.insert(both.end(), right.begin(), right.end());
  const Histogram whole = histogram_of(both);
  Histogram merged = histogram_of(left);
  merged.merge(histogram_of(right));
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.sum(), whole.sum());
  EXPECT_EQ(merged.maximum(), whole.maximum());
  for (const double q : {0.1, 0.5, 0.95, 0.99, 1.0}) EXPECT_EQ(merged.quantile(q), whole.quantile(q));
}

TEST(AHistogram, TakesADurationBelowZeroForZero) {
  Histogram histogram;
  histogram.add(-5s);
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.sum(), 0ns);
  EXPECT_EQ(histogram.quantile(0.5), 0ns);
}

TEST(AHistogram, KeepsADayInItsLastBucketAndTellsItAsTheMaximum) {
  Histogram histogram;
  histogram.add(1s);
  histogram.add(24h);
  EXPECT_EQ(histogram.quantile(0.9), 24h);
  EXPECT_EQ(histogram.count_up_to(1h), 1u);
  EXPECT_EQ(histogram.count_up_to(24h), 2u);
}

TEST(AHistogram, TakesAQuantileOutsideZeroToOneForTheNearestEnd) {
  const Histogram histogram = histogram_of({1ms, 2ms, 4ms});
  EXPECT_EQ(histogram.quantile(-1), histogram.quantile(0));
  EXPECT_EQ(histogram.quantile(1), 4ms);
  EXPECT_EQ(histogram.quantile(7), histogram.quantile(1));
  EXPECT_EQ(histogram.quantile(std::numeric_limits<double>::quiet_NaN()), histogram.quantile(1));
}

}  // namespace
}  // namespace tasklane
