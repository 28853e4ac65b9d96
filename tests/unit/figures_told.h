// What servers tell of a prompt that they have read.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "shaper/dialect/figures.h"

namespace tasklane {

// Ollama: how many tokens the prompt has, and how long it took.
inline UpstreamFigures ollama(std::uint64_t prompt, std::chrono::milliseconds time) {
  UpstreamFigures figures;
  figures.prompt_tokens = prompt;
  figures.prompt_time = time;
  return figures;
}

// llama-server: how much of it was in its cache and how much was not, and how long that took.
inline UpstreamFigures llama(std::uint64_t cached, std::uint64_t computed,
                             std::optional<std::chrono::milliseconds> time = std::nullopt) {
  UpstreamFigures figures;
  figures.cached_tokens = cached;
  figures.computed_tokens = computed;
  figures.prompt_time = time;
  return figures;
}

}  // namespace tasklane
