#include "shaper/server/bill.h"

#include <cmath>

#include "shaper/dialect/token_estimate.h"

namespace tasklane {
namespace {

// Thoughts and calls are paid for as well.
std::uint64_t estimated_tokens(const Answer& answer) {
  const TokenEstimate estimate;
  double tokens = estimate.of(answer.content) + estimate.of(answer.thinking);
  for (const ToolCall& call : answer.tool_calls)
    tokens += estimate.of(call.name) + estimate.of(call.arguments);
  return static_cast<std::uint64_t>(std::ceil(tokens));
}

}  // namespace

void Bill::settle(const Answer& answer, Time now) {
  const UpstreamFigures& told = answer.figures;
  charge(price_.of(told.prompt_tokens.value_or(prompt_tokens_),
                   told.generated_tokens ? *told.generated_tokens : estimated_tokens(answer)),
         now);
}

}  // namespace tasklane
