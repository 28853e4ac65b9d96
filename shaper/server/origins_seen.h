// What a server last said to pages of each origin that asked it: what Tasklane answers in its place must say
// the same, or the page's browser keeps it from the page.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/http/cross_origin.h"

namespace tasklane {

// Bounded: the origin that asked least recently goes first.
class OriginsSeen {
 public:
  static constexpr std::size_t most_origins = 16;
  static constexpr std::size_t longest_origin = 256;

  // `fields` of an answer to a page of this origin.
  void answered(std::string_view origin, const std::vector<HeaderField>& fields) {
    std::erase_if(seen_, [&](const Seen& each) { return each.origin == origin; });
    if (!allow_an_origin(fields) || origin.size() > longest_origin) return;
    seen_.push_front({std::string(origin), cross_origin_fields(fields)});
    if (seen_.size() > most_origins) seen_.pop_back();
  }
  // None where it has not answered that origin yet, or does not let it read its answers.
  [[nodiscard]] std::vector<HeaderField> said_to(std::string_view origin) const {
    const auto found =
        std::find_if(seen_.begin(), seen_.end(), [&](const Seen& each) { return each.origin == origin; });
    return found == seen_.end() ? std::vector<HeaderField>() : found->fields;
  }

 private:
  struct Seen {
    std::string origin;
    std::vector<HeaderField> fields;
  };
  std::deque<Seen> seen_;
};

}  // namespace tasklane
