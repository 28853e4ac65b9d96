// Cutting UTF-8 text without breaking a character.
#pragma once

#include <cstddef>
#include <string_view>

namespace tasklane {

constexpr bool utf8_continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// The largest offset up to `at` where a character starts (or the text ends).
constexpr std::size_t utf8_floor(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  while (at > 0 && utf8_continues(text[at])) --at;
  return at;
}

}  // namespace tasklane
