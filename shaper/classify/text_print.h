// Fingerprints of texts: keyed hashes of short windows of them, by which one text is found again inside
// another. A print holds hashes alone; without the key nothing of the text can be guessed from it.
//
// Windows are 16 bytes long and start where a word starts, or end where one ends (in scripts without spaces:
// at every character), so that the same words give the same windows wherever they stand.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "shaper/classify/window_filter.h"

namespace tasklane {

using WindowHash = std::uint64_t;

inline constexpr std::size_t window_bytes = 16;

struct Window {
  WindowHash hash = 0;
  std::size_t place = 0;
};

// Of a message: its windows at growing distances from both of its ends, so that a front end that cuts its
// middle, its start or its end leaves some of them whole.
struct MessagePrint {
  static constexpr std::size_t max_windows = 32;
  WindowHash whole = 0;
  std::uint32_t length = 0;  // in bytes; 0: nothing to find
  std::uint32_t count = 0;
  std::array<WindowHash, max_windows> windows{};
  std::array<std::uint32_t, max_windows> offsets{};
};

class TextHasher {
 public:
  TextHasher(std::uint64_t secret_low, std::uint64_t secret_high);

  [[nodiscard]] WindowHash hash(std::string_view text) const;
  [[nodiscard]] MessagePrint print(std::string_view text) const;  // white space around it is left out

  // Appends all windows of `text`; `shift` is added to their places.
  void windows_into(std::vector<Window>& list, std::string_view text, std::size_t shift = 0) const;
  // Visits in order those that `wanted` may hold, until the visitor says that it has seen enough.
  using VisitWindow = std::function<bool(const Window&)>;
  void each_of(const WindowFilter& wanted, std::string_view text, const VisitWindow& goes_on) const;
  // The window at the very start; 0 where the text is shorter than one.
  [[nodiscard]] WindowHash first_window(std::string_view text) const;

 private:
  static constexpr std::size_t secret_bytes = 192;

  [[nodiscard]] WindowHash hash_window(const char* bytes) const;
  [[nodiscard]] std::uint64_t begin_of(const char* bytes) const;

  std::array<unsigned char, secret_bytes> secret_{};
  std::uint64_t multiplier_ = 1;  // of the first bytes; odd, and as secret
};

}  // namespace tasklane
