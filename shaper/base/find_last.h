// The last place of a mark in a text.
#pragma once

#include <cstring>
#include <string_view>

namespace tasklane {

// As text.rfind(mark), but not character by character: a prompt may be megabytes long. `mark` is not empty.
inline std::size_t find_last(std::string_view text, std::string_view mark) {
  while (text.size() >= mark.size()) {
    const void* const end = ::memrchr(text.data(), mark.back(), text.size());
    if (end == nullptr) break;
    text = text.substr(0, static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1);
    if (text.ends_with(mark)) return text.size() - mark.size();
    text.remove_suffix(1);
  }
  return std::string_view::npos;
}

}  // namespace tasklane
