// `tasklane check FILE`: whether the agent would take this configuration, and what a person may have
// overlooked.
#pragma once

#include <CLI/App.hpp>
#include <iosfwd>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

struct CheckOptions {
  std::string file;
  bool json = false;
};

ExitCode run_check(const CheckOptions& options, std::ostream& out, std::ostream& err);

void add_check(CLI::App& app, ExitCode& exit);

}  // namespace tasklane
