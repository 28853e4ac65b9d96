#include "shaper/http/request_head.h"

#include <algorithm>

namespace tasklane {

const std::string* RequestHead::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const HeaderField& f) { return equal_names(f.name, name); });
  return found == fields.end() ? nullptr : &found->value;
}

}  // namespace tasklane
