// Which upstreams of a configuration are asked whether they are there, and where.
#pragma once

#include <string>
#include <vector>

#include "shaper/decide/config.h"

namespace tasklane {

// Those at an address of their own to which some rule routes. None that is somebody else's (https elsewhere,
// or with a price): there nothing is asked but what is a task.
std::vector<const Upstream*> asked_after(const Config& config);

// The cheapest paths that a server of its kind may have. Where its dialect is not said: Ollama's, then
// llama-server's, which says there that it still loads its model, then everybody's. Never /health: there some
// have their models write something (LiteLLM, SGLang).
std::vector<std::string> check_paths(const Upstream& upstream);

}  // namespace tasklane
