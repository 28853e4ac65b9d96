// Whether a text holds a mark.
#pragma once

#include <cstring>
#include <string_view>

namespace tasklane {

// As text.find(mark) != npos, but not by a look at each place where the mark's first character stands: of a
// quotation mark or a space a prompt is full. What does not hold a long mark is skipped over.
inline bool holds(std::string_view text, std::string_view mark) {
  if (mark.empty() || text.empty()) return mark.empty();  // what is empty may be nowhere in memory
  return ::memmem(text.data(), text.size(), mark.data(), mark.size()) != nullptr;
}

}  // namespace tasklane
