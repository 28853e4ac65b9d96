// What simulated clients and servers say, read as the agent reads it.
#pragma once

#include <string>

#include "shaper/dialect/figures.h"
#include "shaper/http/message_scanner.h"
#include "tools/modelsim/engine.h"

namespace tasklane::simulate {

struct WireRequest {
  RequestHead head;
  std::string body;  // decoded
};
// `request` is one whole request.
WireRequest read_request(const std::string& request);

// As llama-server tells them, or Ollama's own API: without what was in the cache.
UpstreamFigures figures_of(const sim::Usage& usage, sim::Flavour flavour);

}  // namespace tasklane::simulate
