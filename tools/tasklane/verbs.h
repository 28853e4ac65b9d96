// All that `tasklane` can be told: its verbs and options, which its help, manual and completions are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

// `control` and `exit` are written while the line is parsed, and must outlive that.
void add_verbs(CLI::App& app, std::string& control, ExitCode& exit);

}  // namespace tasklane
