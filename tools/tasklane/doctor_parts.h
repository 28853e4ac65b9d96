// What the parts of the doctor share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/tasklane/doctor.h"

namespace tasklane::doctor {

using Findings = std::vector<Finding>;

inline void add(Findings& to, Level level, std::string id, std::string text, std::string remedy = {}) {
  to.push_back({level, std::move(id), std::move(text), std::move(remedy)});
}

inline bool on_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Models and the ports by which they are asked, wherever those are.
void examine_models(const Seen& seen, Findings& to);

}  // namespace tasklane::doctor
