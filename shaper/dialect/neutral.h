// A task's body said without a dialect, so that the same question in Ollama's words and in OpenAI's is seen
// to be one. Only for bodies that are understood to the last member.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "shaper/dialect/endpoint.h"

namespace tasklane {

// `body` without model, stream and what else changes no answer (canonical.h). Understood are: messages of
// role and text alone; the limit of tokens; the format of the answer; thinking switched off; temperature,
// top_p, seed, stop and the two penalties. What a body leaves out is the server's to choose, in either
// dialect. Nothing where it says anything else, or is a completion.
std::optional<nlohmann::json> neutral(const nlohmann::json& body, Dialect dialect);

// What the dialects' `say` tells of a body, member after member. Each function says whether it was understood
// and contradicts nothing that was said before.
class NeutralBody {
 public:
  bool messages(const nlohmann::json& value);
  bool limit(const nlohmann::json& tokens);
  bool format(const nlohmann::json& schema_or_word);
  bool sampler(const std::string& key, const nlohmann::json& value);
  bool no_thinking() { return say("think", false); }
  // By a switch that says it only beside the other.
  bool no_thinking_beside() { return beside_ = true; }

  [[nodiscard]] bool consistent() const;
  [[nodiscard]] const nlohmann::json& said() const { return said_; }

 private:
  bool say(const std::string& key, const nlohmann::json& value);

  nlohmann::json said_ = nlohmann::json::object();
  bool beside_ = false;
};

}  // namespace tasklane
