// What a replay came to, beside what was: for a program, for a person in a terminal, and as a page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/observe/replay.h"

namespace tasklane::observe {

struct Replayed {
  const Trace& trace;
  std::string rules;  // a file's name
  const std::map<SocketName, ServerModel>& servers;
  const ReplayResult& as_it_was;  // simulated without rules: what the simulation is worth
  const ReplayResult& would;      // with the rules
};

nlohmann::ordered_json replay_json(const Replayed& replayed);
// Both from what replay_json() gives.
std::string replay_table(const nlohmann::ordered_json& report);
// One file that needs no other and no network.
std::string replay_page(const nlohmann::ordered_json& report);

}  // namespace tasklane::observe
