// A generation request in any of the four dialects, read into what the engine works on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/base/result.h"
#include "shaper/dialect/endpoint.h"
#include "tools/modelsim/engine.h"

namespace tasklane::sim {

struct GenerationRequest {
  Dialect dialect = Dialect::none;
  std::string model;
  bool stream = false;
  bool include_usage = false;  // OpenAI's stream_options
  bool load_only = false;      // Ollama: no messages, no prompt
  std::string last_user_text;
  std::string schema_key;  // the first required key of a `format` or `response_format` schema
  bool schema_is_list = false;
  Work work;  // but for the answer
};

// Error: what the server says with status 400.
Result<GenerationRequest> parse_generation(Dialect dialect, const std::string& body, Flavour flavour,
                                           Priorities priorities = Priorities::ignored);

}  // namespace tasklane::sim
