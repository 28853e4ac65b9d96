// Load options: what makes Ollama load a model anew when a request carries another value than the one before
// (measured with 0.32: num_ctx, num_batch, num_gpu, num_thread, main_gpu, use_mmap, draft_num_predict and
// shift). A task for the chat's own model carries the chat's, or the model is loaded twice and the chat's
// prompt cache is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

// A number as it counts for a load option; nothing for one that no integer holds.
inline std::optional<std::int64_t> load_number(double number) {
  constexpr double most = 1e15;
  if (number <= -most || number >= most) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// Visits each option that stands in `options` with its name.
template <class Options, class Visit>
void each_load_option(Options& options, Visit visit) {
  visit("num_ctx", options.num_ctx);
  visit("num_batch", options.num_batch);
  visit("num_gpu", options.num_gpu);
  visit("num_thread", options.num_thread);
  visit("main_gpu", options.main_gpu);
  visit("draft_num_predict", options.draft_num_predict);
  visit("use_mmap", options.use_mmap);
  visit("use_mlock", options.use_mlock);
}

}  // namespace tasklane
