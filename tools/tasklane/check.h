// `tasklane check FILE`: whether the agent would take this configuration, and what a person may have
// overlooked.
#pragma once

#include <CLI/App.hpp>

#include "shaper/base/result.h"

namespace tasklane {

void add_check(CLI::App& app, ExitCode& exit);

}  // namespace tasklane
