// A text without the white space around it.
#pragma once

#include <cstddef>
#include <string_view>

namespace tasklane {

inline constexpr std::string_view white_space = " \t\r\n\v\f";

// A view into `text`.
inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

}  // namespace tasklane
