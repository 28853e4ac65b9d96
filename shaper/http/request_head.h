// The head of a request as it came: method, target and header fields in their order.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace tasklane {

struct HeaderField {
  std::string name;  // as sent; compared without regard to case
  std::string value;
};

// ASCII, without regard to case (RFC 9110 section 5.1). Nearly all names that are held against each other
// differ in length, which is seen without a call.
inline bool equal_names(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

struct RequestHead {
  std::string method;
  std::string target;
  std::vector<HeaderField> fields;

  // The first field of that name, or null. The pointer lives as long as the head is unchanged.
  [[nodiscard]] const std::string* field(std::string_view name) const;
};

}  // namespace tasklane
