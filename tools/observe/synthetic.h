// Requests without their texts, with made-up ones in their place: as long, and with the same beginnings where
// the hashes say so, so that a simulated server's cache behaves as the real one's did.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shaper/http/request_head.h"
#include "tools/modelsim/prompt_cache.h"
#include "tools/observe/trace.h"

namespace tasklane::observe {

class Synthetic {
 public:
  // `bytes_per_token`: of the server's prompts, which the simulated one counts by four.
  explicit Synthetic(const Trace& trace);

  [[nodiscard]] std::string body(const ObservedRequest& request, double bytes_per_token);
  // The text of a message.
  [[nodiscard]] static std::string text(const PromptPart& part, double bytes_per_token);
  // As a dialect that the simulated server speaks.
  [[nodiscard]] static std::string path(const ObservedRequest& request);
  [[nodiscard]] static Conversation conversation(const ObservedRequest& request);
  // How the chat's next turn quotes its answer; null: there is none that does.
  [[nodiscard]] const PromptPart* quoted_answer(const ObservedRequest& request) const;

 private:
  const std::string& typed(const ObservedRequest& request);

  std::map<RequestId, const ObservedRequest*> next_turn_;
  std::map<RequestId, std::string> typed_;
};

}  // namespace tasklane::observe
