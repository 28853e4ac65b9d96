// Requests without their texts, with made-up ones in their place: as long, and with the same beginnings where
// the hashes say so, so that a simulated server's cache behaves as the real one's did. A task quotes the
// made-up messages of the chat whose real ones it quoted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
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
  // How the chat's next turn, or else a task, quotes its answer; null: there is none that does.
  [[nodiscard]] const PromptPart* quoted_answer(const ObservedRequest& request) const;

 private:
  using Message = std::pair<std::uint64_t, std::uint32_t>;  // its hash, and its bytes

  void find_quoted(const Trace& trace);
  [[nodiscard]] const PromptPart& said(const PromptPart& part) const;
  const std::string& typed(const ObservedRequest& request);
  std::string told(const ObservedRequest& request, const PromptPart& part, std::string_view begins,
                   double bytes_per_token);

  std::map<RequestId, const ObservedRequest*> next_turn_;
  std::map<Message, PromptPart> said_;  // in chats, or quoted from them
  // Answers that stand in no chat's prompt, by whose they are and what the person said before.
  std::map<std::pair<std::uint64_t, std::uint64_t>, QuotedLine> answer_behind_;
  std::map<RequestId, std::string> typed_;
};

}  // namespace tasklane::observe
