// How many tokens a text may have, without a tokenizer.
#pragma once

#include <cstddef>
#include <string_view>

namespace tasklane {

// English in the usual vocabularies; an upstream's own figures give a better one.
inline constexpr double usual_bytes_per_token = 4.0;

// ASCII bytes at the given ratio; a two-byte character (Cyrillic, Greek, accents) as two of them, a longer
// one (CJK, emoji) as one token.
class TokenEstimate {
 public:
  explicit TokenEstimate(double bytes_per_token = usual_bytes_per_token)
      : bytes_per_token_(bytes_per_token > 0.1 ? bytes_per_token : usual_bytes_per_token) {}

  [[nodiscard]] double of(std::string_view text) const {
    double tokens = 0;
    for (const char c : text) tokens += of_byte(c);
    return tokens;
  }

  // What one byte adds; a character counts at its first byte.
  [[nodiscard]] double of_byte(char c) const {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) return 0;
    if (byte >= 0xE0) return 1;
    return (byte >= 0xC0 ? 2.0 : 1.0) / bytes_per_token_;
  }

 private:
  double bytes_per_token_;
};

}  // namespace tasklane
