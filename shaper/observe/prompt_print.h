// A prompt by keyed hashes: what of it another prompt begins with, to within a dozen words, and which
// message is the first that differs. Holds no text; without the key nothing of it can be guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shaper/classify/text_print.h"
#include "shaper/dialect/body.h"

namespace tasklane::observe {

enum class PartRole : std::uint8_t { tools, system, user, assistant, tool, other };
std::string_view to_text(PartRole role);

struct PromptPart {
  PartRole role = PartRole::other;
  std::uint32_t bytes = 0;
  std::uint64_t hash = 0;  // of it alone
  // Of all that stands up to the end of each block of it, this one included; the last may be shorter.
  std::vector<std::uint32_t> blocks;
};

// The tools first, then the messages, as a server's chat template puts them.
struct PromptPrint {
  // Short at a part's beginning, where prompts of one template part ways.
  static constexpr std::size_t block_at(std::size_t offset) { return offset < 512 ? 16 : 64; }
  static constexpr std::size_t shortest_block = 16;
  std::vector<PromptPart> parts;
  std::uint64_t bytes = 0;
};

PromptPrint print_of(const TextHasher& hasher, const BodyFacts& body);

// What two prompts have in common at their beginning.
struct Common {
  std::uint64_t bytes = 0;  // to within a block
  std::size_t parts = 0;    // whole ones
};
Common common_beginning(const PromptPrint& one, const PromptPrint& other);

}  // namespace tasklane::observe
