#include "shaper/count/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tasklane {
namespace {

constexpr std::uint64_t per_power = 32;
constexpr std::uint64_t lowest = 1024;  // ns: the first bucket's lower bound
constexpr std::size_t buckets = 32 * per_power;

std::size_t index_of(Duration value) {
  const auto ns = static_cast<std::uint64_t>(std::max<Duration::rep>(value.count(), 0));
  if (ns < lowest) return 0;
  const auto power = static_cast<std::size_t>(std::bit_width(ns / lowest) - 1);
  const std::uint64_t base = lowest << power;  // NOLINT: ns / lowest is 1 or more
  const std::size_t index = power * per_power + static_cast<std::size_t>((ns - base) / (base / per_power));
  return std::min(index, buckets - 1);
}

// Buckets above this: [lower, lower + width).
std::uint64_t lower_of(std::size_t index) {
  const std::uint64_t base = lowest << (index / per_power);
  return base + (index % per_power) * (base / per_power);
}

}  // namespace

void Histogram::add(Duration value) {
  value = std::max(value, Duration::zero());
  ++buckets_[index_of(value)];
  ++count_;
  sum_ += value;
  maximum_ = std::max(maximum_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  maximum_ = std::max(maximum_, other.maximum_);
}

Duration Histogram::quantile(double q) const {
  if (!(q < 1)) return maximum_;
  if (count_ == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::max(q, 0.0) * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen < std::max<std::uint64_t>(rank, 1)) continue;
    if (i + 1 == buckets_.size()) return maximum_;  // values past the last bucket's bound
    const std::uint64_t middle = (lower_of(i) + lower_of(i + 1)) / 2;
    return std::min(Duration(static_cast<Duration::rep>(middle)), maximum_);
  }
  return maximum_;
}

std::uint64_t Histogram::count_up_to(Duration bound) const {
  if (bound >= maximum_) return count_;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < index_of(bound); ++i) seen += buckets_[i];
  return seen;
}

}  // namespace tasklane
