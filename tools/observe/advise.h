// Rules for this host, by evidence: each choice with the figure that led to it, and what a replay of the same
// requests says it is worth.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/observe/trace.h"

namespace tasklane::observe {

struct Choice {
  std::string what;     // "quiet"
  std::string value;    // "1500ms"
  std::string because;  // what was seen
  std::string worth;    // what the replay says, beside its alternatives
};

struct Advice {
  nlohmann::ordered_json rules;  // a whole rule file
  std::vector<Choice> choices;
};

// Error: nothing to advise on, for no chat was seen.
Result<Advice> advise(const Trace& trace);

// {"choices": [...], "rules": {...}}.
nlohmann::ordered_json advice_json(const Advice& advice);
std::string advice_text(const Advice& advice);

}  // namespace tasklane::observe
