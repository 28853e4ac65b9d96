// Durations counted in log-linear buckets: any quantile is off by at most 1/32 (3.2 %) of its value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "shaper/base/time.h"

namespace tasklane {

class Histogram {
 public:
  static constexpr double relative_error = 1.0 / 32;

  // A value below zero counts as zero.
  void add(Duration value);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration sum() const { return sum_; }
  [[nodiscard]] Duration maximum() const { return maximum_; }
  // The q-quantile (0 to 1), zero while empty; the maximum for 1.
  [[nodiscard]] Duration quantile(double q) const;
  // How many values were at most `bound`, within the stated error (for Prometheus buckets).
  [[nodiscard]] std::uint64_t count_up_to(Duration bound) const;

 private:
  // 1 us to 73 minutes: 32 powers of two of 32 buckets each; what lies outside falls into the first or last.
  std::array<std::uint32_t, std::size_t{32} * 32> buckets_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
  Duration maximum_{};
};

}  // namespace tasklane
