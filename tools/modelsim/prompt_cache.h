// What a server remembers of prompts: the last one of each slot, and behind it, in memory of the host,
// earlier ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <vector>

namespace tasklane::sim {

using Tokens = std::vector<std::uint32_t>;

// Four bytes a token, from the text's start on: equal prefixes of text are equal prefixes of tokens.
void append_tokens(Tokens& tokens, std::string_view text);

std::size_t common_prefix(const Tokens& a, const Tokens& b);

// Earlier prompts, the least recently used forgotten first.
class HostCache {
 public:
  // `capacity` in tokens; 0: there is none.
  explicit HostCache(std::size_t capacity) : capacity_(capacity) {}
  void keep(Tokens prompt);
  // Takes the prompt out that shares the longest prefix with `wanted`, where that is longer than `at_least`.
  Tokens take_best(const Tokens& wanted, std::size_t at_least);
  void clear();

 private:
  std::size_t capacity_;
  std::size_t held_ = 0;
  std::list<Tokens> prompts_;  // most recent first
};

}  // namespace tasklane::sim
