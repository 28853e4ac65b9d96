// From rounds to figures: medians over interleaved rounds, what each way adds to the direct one, ratios,
// and whether the goals are met.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/bench/relay/client.h"

namespace tasklane::bench {

using Rounds = std::vector<Round>;
// By row, then by way; every way of a row has the same number of rounds, played side by side.
using Measured = std::map<std::string, std::map<std::string, Rounds>>;

nlohmann::json report_of(const Measured& measured);
std::string table_of(const nlohmann::json& report);

}  // namespace tasklane::bench
