// The windows of one text with their places: what is asked whether it holds another text's windows at the
// right distances. Holds hashes, no text.
#pragma once

#include <cstdint>
#include <vector>

#include "shaper/classify/text_print.h"

namespace tasklane {

class WindowSet {
 public:
  WindowSet() = default;
  explicit WindowSet(const std::vector<Window>& windows);

  [[nodiscard]] bool contains(WindowHash hash, std::size_t place) const;

  template <class Visit>
  void each_place(WindowHash hash, Visit visit) const {
    if (entries_.empty()) return;
    const std::uint32_t value = value_of(hash);
    for (std::size_t at = slot_of(value); entries_[at].value != 0; at = (at + 1) & (entries_.size() - 1))
      if (entries_[at].value == value) visit(std::size_t{entries_[at].place});
  }

 private:
  struct Entry {
    std::uint32_t value = 0;  // 0: an empty place
    std::uint32_t place = 0;
  };

  static std::uint32_t value_of(WindowHash hash) { return static_cast<std::uint32_t>(hash >> 32U) | 1U; }
  [[nodiscard]] std::size_t slot_of(std::uint32_t value) const {
    return (value * std::size_t{0x9E3779B1U} >> 8U) & (entries_.size() - 1);
  }

  std::vector<Entry> entries_;  // open addressing, at most half full
};

// How much of a message a text holds.
struct Overlap {
  bool whole = false;
  std::size_t bytes = 0;  // at least; 0: too little to speak of a quote
};
Overlap overlap_of(const MessagePrint& message, const WindowSet& text);

}  // namespace tasklane
