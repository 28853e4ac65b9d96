// Which windows somebody looks for: says of nearly all others, at a glance at their first bytes, that they
// are none of them. Holds bits, no hashes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tasklane {

class WindowFilter {
 public:
  // The low bits of a window's hash are those of its first bytes alone.
  static constexpr unsigned bits = 17;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << bits) - 1;

  [[nodiscard]] bool may_begin(std::uint64_t low_bits) const { return has(begins_, low_bits); }
  [[nodiscard]] bool may_hold(std::uint64_t hash) const { return has(wholes_, hash >> bits & mask); }

  void mark(std::uint64_t hash) {
    set(begins_, hash & mask);
    set(wholes_, hash >> bits & mask);
  }
  void clear() {
    begins_.fill(0);
    wholes_.fill(0);
  }

 private:
  using Bits = std::array<std::uint64_t, (mask + 1) / 64>;
  static bool has(const Bits& list, std::uint64_t bit) { return (list[bit / 64] >> (bit % 64) & 1U) != 0; }
  static void set(Bits& list, std::uint64_t bit) { list[bit / 64] |= std::uint64_t{1} << (bit % 64); }

  Bits begins_{};
  Bits wholes_{};
};

}  // namespace tasklane
