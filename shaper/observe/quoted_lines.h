// Which messages a task's prompt quotes from a chat, and where in it they stand. By keyed hashes, no text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shaper/classify/text_print.h"

namespace tasklane::observe {

struct QuotedLine {
  bool by_person = false;
  std::uint32_t at = 0;     // of its label, in bytes of the prompt
  std::uint32_t bytes = 0;  // of the message, without the label
  std::uint64_t hash = 0;   // of it alone, as PromptPart has it
};

std::string_view label_of(const QuotedLine& line);
std::size_t end_of(const QuotedLine& line);

// The lines "USER: ..." and "ASSISTANT: ..." between <chat_history> and </chat_history>; empty: there is
// none.
std::vector<QuotedLine> quoted_lines(const TextHasher& hasher, std::string_view prompt);

}  // namespace tasklane::observe
