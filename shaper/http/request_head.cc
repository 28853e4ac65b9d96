#include "shaper/http/request_head.h"

#include <algorithm>

namespace tasklane {

bool equal_names(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

const std::string* RequestHead::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const HeaderField& f) { return equal_names(f.name, name); });
  return found == fields.end() ? nullptr : &found->value;
}

}  // namespace tasklane
