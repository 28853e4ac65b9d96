// Load options: what makes Ollama load a model anew when a request carries another value than the one before
// (measured with 0.32: num_ctx, num_batch, num_gpu, num_thread, main_gpu, use_mmap, draft_num_predict and
// shift). A task for the chat's own model carries the chat's, or the model is loaded twice and the chat's
// prompt cache is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

// As a body gives them; absent: the server's own choice.
struct LoadOptions {
  std::optional<std::int64_t> num_ctx;
  std::optional<std::int64_t> num_batch;
  std::optional<std::int64_t> num_gpu;
  std::optional<std::int64_t> num_thread;
  std::optional<std::int64_t> main_gpu;
  std::optional<std::int64_t> draft_num_predict;
  std::optional<bool> use_mmap;
  std::optional<bool> use_mlock;          // older releases
  std::optional<bool> shift;              // beside `options`, not in it
  std::optional<std::string> keep_alive;  // JSON text. No load, but a task without it shortens the chat's
  bool operator==(const LoadOptions&) const = default;
};

// Of a chat. OpenAI's dialect has none: all absent. Error: no JSON object.
Result<LoadOptions> load_options_of(std::string_view body, Dialect dialect);

// `body` with exactly these load options: others are put in, replaced or taken out. Nothing where it has them
// already, or where the dialect has none. Error: no JSON object.
Result<std::optional<std::string>> align(std::string_view body, Dialect dialect, const LoadOptions& chat);

}  // namespace tasklane
