// How much of a prompt a server has read before: what it shares with the last one of its kind. Of that one no
// text is kept, only hashes of its beginnings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace tasklane {

class KnownPrefix {
 public:
  KnownPrefix() = default;
  explicit KnownPrefix(std::string_view text) {
    std::size_t print = 0;
    for (std::size_t at = 0; at + step <= text.size() && prints_.size() < most; at += step)
      prints_.push_back(print = print * 31 + std::hash<std::string_view>{}(text.substr(at, step)));
  }

  // Bytes that both begin with, in whole steps.
  [[nodiscard]] std::size_t shared(const KnownPrefix& other) const {
    const auto differ =
        std::mismatch(prints_.begin(), prints_.end(), other.prints_.begin(), other.prints_.end());
    return static_cast<std::size_t>(differ.first - prints_.begin()) * step;
  }

  // Its first bytes, in whole steps.
  [[nodiscard]] KnownPrefix first(std::size_t bytes) const {
    KnownPrefix beginning = *this;
    beginning.prints_.resize(std::min(prints_.size(), bytes / step));
    return beginning;
  }

 private:
  static constexpr std::size_t step = 64;
  static constexpr std::size_t most = 1024;
  std::vector<std::size_t> prints_;  // of the text up to each step's end
};

}  // namespace tasklane
