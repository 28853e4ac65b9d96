// What an upstream says of the work behind an answer: the evidence for prompt caches, prefill rates and
// reloads.
#pragma once

#include <cstdint>
#include <optional>

#include "shaper/base/time.h"

namespace tasklane {

// Only what the server told. Ollama never tells the cached tokens; its /v1 no times at all.
struct UpstreamFigures {
  std::optional<std::uint64_t> prompt_tokens;    // the whole prompt: prompt_eval_count, usage.prompt_tokens
  std::optional<std::uint64_t> cached_tokens;    // of it from the cache: cache_n, usage's cached_tokens
  std::optional<std::uint64_t> computed_tokens;  // of it prefilled: prompt_n
  std::optional<Duration> prompt_time;           // prompt_eval_duration, prompt_ms
  std::optional<std::uint64_t> generated_tokens;
  std::optional<Duration> generation_time;
  std::optional<Duration> load_time;  // Ollama: above 500 ms the model was loaded anew
  std::optional<Duration> total_time;
};

// Tokens of the whole prompt; 0: not told.
inline std::uint64_t prompt_of(const UpstreamFigures& figures) {
  if (figures.prompt_tokens) return *figures.prompt_tokens;
  return figures.computed_tokens.value_or(0) + figures.cached_tokens.value_or(0);
}

}  // namespace tasklane
