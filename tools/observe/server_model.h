// A model server as the replay simulates it: what of it can be told from what was observed, with the reason
// of each figure, and what a person gives instead.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/modelsim/engine.h"
#include "tools/observe/given_model.h"
#include "tools/observe/trace.h"

namespace tasklane::observe {

struct ServerModel {
  sim::EngineOptions engine;
  Duration overhead{};         // of a first token, beside prefill: templates, the network
  double bytes_per_token = 4;  // of prompts
  bool keeps_answers = true;   // in its cache, as a next turn quotes them
  std::size_t requests = 0;
  std::vector<std::string> models;
  std::map<std::string, std::string> because;  // "slots", "prefill", ...: where each comes from
  bool fitted_prefill = false, fitted_decode = false;
};

std::map<SocketName, ServerModel> fit_servers(const Trace& trace, const GivenModel& given = {});

}  // namespace tasklane::observe
