// All that `tasklaned` can be told, of which its help, manual and completions are made.
#pragma once

#include <CLI/CLI.hpp>

#include "userspace/agent/agent.h"

namespace tasklane {

struct AgentArguments {
  AgentOptions agent;
  bool verbose = false;
  bool as_helper = false;
  std::string log_level = "info";
  std::string log_format;  // empty: by where it goes
};

// `into` is written while the line is parsed, and must outlive that.
void add_arguments(CLI::App& app, AgentArguments& into);

}  // namespace tasklane
