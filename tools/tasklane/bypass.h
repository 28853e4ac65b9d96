// `tasklane bypass on|off`: stops and resumes the agent's work at once; without a word it tells which.
#pragma once

#include <CLI/App.hpp>

#include "shaper/base/result.h"

namespace tasklane {

// `control` is the agent's socket, set when the verb runs.
void add_bypass(CLI::App& app, const std::string& control, ExitCode& exit);

}  // namespace tasklane
