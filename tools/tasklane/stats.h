// `tasklane stats`: what the agent has seen and done, as a table or as JSON.
#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

void add_stats(CLI::App& app, const std::string& control, ExitCode& exit);

// The table of the agent's /stats answer.
std::string stats_table(const nlohmann::json& stats);

}  // namespace tasklane
