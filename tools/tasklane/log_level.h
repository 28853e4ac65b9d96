// `tasklane log-level`: how much the agent logs.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

void add_log_level(CLI::App& app, const std::string& control, ExitCode& exit);

}  // namespace tasklane
