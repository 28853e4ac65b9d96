// Waiting for a server that was just started, and asking an agent how it stands.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/support/child.h"

namespace tasklane::tools {

// Whether it came true while the child lived, within ten seconds.
bool comes_true(const Child& child, const std::function<bool()>& condition);

// What `tasklane stats --json` prints; an empty object where no agent answers.
nlohmann::json agent_stats(const std::string& control_socket);
// Whether it steers at least one address by now.
bool steers(const std::string& control_socket);

}  // namespace tasklane::tools
