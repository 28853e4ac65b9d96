// `tasklane reload`: the agent reads its configuration again.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

void add_reload(CLI::App& app, const std::string& control, ExitCode& exit);

}  // namespace tasklane
