#include "tools/modelsim/prompt_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tasklane::sim {
namespace {

// llama-server leaves a prompt alone of which less than a quarter would be kept.
constexpr std::size_t least_kept = 4;

}  // namespace

void append_tokens(Tokens& tokens, std::string_view text) {
  constexpr std::size_t bytes = sizeof(Tokens::value_type);
  const std::size_t before = tokens.size();
  tokens.resize(before + (text.size() + bytes - 1) / bytes);
  if (!text.empty()) std::memcpy(tokens.data() + before, text.data(), text.size());
}

std::size_t common_prefix(const Tokens& a, const Tokens& b) {
  const std::size_t most = std::min(a.size(), b.size());
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(most);
  return static_cast<std::size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
}

void HostCache::keep(Tokens prompt) {
  if (prompt.empty() || prompt.size() > capacity_) return;
  held_ += prompt.size();
  prompts_.push_front(std::move(prompt));
  while (held_ > capacity_) {
    held_ -= prompts_.back().size();
    prompts_.pop_back();
  }
}

Tokens HostCache::take_best(const Tokens& wanted, std::size_t at_least) {
  auto best = prompts_.end();
  for (auto it = prompts_.begin(); it != prompts_.end(); ++it) {
    const std::size_t shared = common_prefix(*it, wanted);
    if (shared <= at_least || shared * least_kept < it->size()) continue;
    at_least = shared;
    best = it;
  }
  if (best == prompts_.end()) return {};
  Tokens found = std::move(*best);
  held_ -= found.size();
  prompts_.erase(best);
  return found;
}

void HostCache::clear() {
  prompts_.clear();
  held_ = 0;
}

}  // namespace tasklane::sim
