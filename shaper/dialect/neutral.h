// A task's body said without a dialect, so that the same question in Ollama's words and in OpenAI's is seen
// to be one. Only for bodies that are understood to the last member.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "shaper/dialect/endpoint.h"

namespace tasklane {

// `body` without model, stream and what else changes no answer (canonical.h). Understood are: messages of
// role and text alone; the limit of tokens; the format of the answer; thinking switched off; temperature,
// top_p, seed, stop and the two penalties. What a body leaves out is the server's to choose, in either
// dialect. Nothing where it says anything else, also where that says nothing at another server
// (Question::left_out), or is a completion.
std::optional<nlohmann::json> neutral(const nlohmann::json& body, Dialect dialect);

}  // namespace tasklane
