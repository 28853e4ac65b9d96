// The two ends of a program: its arguments, and what nobody foresaw.
#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "shaper/base/result.h"

namespace tasklane::tools {

// Reads the arguments; where that ends the program (help, or wrong usage, which it tells) gives its exit
// code.
inline std::optional<int> ends_at_arguments(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return std::nullopt;
}

// Runs what gives an ExitCode; an exception is told and ends with `when_thrown`.
template <class Run>
int run_program(const std::string& name, const Run& run, ExitCode when_thrown = ExitCode::found) {
  try {
    return static_cast<int>(run());
  } catch (const std::exception& problem) {
    std::cerr << name << ": " << problem.what() << "\n";
    return static_cast<int>(when_thrown);
  }
}

}  // namespace tasklane::tools
