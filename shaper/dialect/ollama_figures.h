// Under which names the last object of an answer of Ollama's tells its figures: in one place for whoever
// reads them from a tree and whoever reads them without one.
#pragma once

#include <array>
#include <string_view>

#include "shaper/dialect/figures.h"

namespace tasklane {

template <class Value>
struct OllamaFigure {
  std::string_view name;
  std::optional<Value> UpstreamFigures::*figure;
};

inline constexpr std::array<OllamaFigure<std::uint64_t>, 2> ollama_counts{{
    {"prompt_eval_count", &UpstreamFigures::prompt_tokens},
    {"eval_count", &UpstreamFigures::generated_tokens},
}};

// In nanoseconds.
inline constexpr double ollama_time_unit = 1e-9;
inline constexpr std::array<OllamaFigure<Duration>, 4> ollama_times{{
    {"prompt_eval_duration", &UpstreamFigures::prompt_time},
    {"eval_duration", &UpstreamFigures::generation_time},
    {"load_duration", &UpstreamFigures::load_time},
    {"total_duration", &UpstreamFigures::total_time},
}};

}  // namespace tasklane
