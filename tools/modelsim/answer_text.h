// What the simulated model says: JSON to a task that asks for it (or prose, as small models do), words to a
// chat. The same seed and the same prompt give the same answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/modelsim/generation_request.h"

namespace tasklane::sim {

struct AnswerStyle {
  std::uint64_t seed = 1;
  bool prose = false;            // tasks are answered in prose, unless a schema forces JSON
  std::size_t chat_tokens = 60;  // of an answer to a chat
};

// The answer, token by token.
std::vector<std::string> answer_to(const GenerationRequest& request, const AnswerStyle& style);

}  // namespace tasklane::sim
