// What a model server is, where the configuration says so, and what of its own means that is good for. What
// each does besides is a table in config/README.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shaper/dialect/dialect.h"

namespace tasklane {

enum class Engine : std::uint8_t {
  unknown,
  ollama,
  llama_server,
  llama_swap,
  vllm,
  sglang,
  lmstudio,
  localai,
  litellm,
  openai
};

// `below_chats`: a request can be told to wait for those that say nothing of a priority. vLLM handles lower
// values of "priority" earlier, takes 0 where none is given, and refuses any other with 400 unless it was
// started with --scheduling-policy priority (its OpenAI-compatible server's reference, "priority"). SGLang
// ranks whatever says nothing behind all that does, in both of its orders (its scheduler,
// _set_or_validate_priority): there a task with a priority would go ahead of every chat, so it gets none.
struct EngineRow {
  Engine engine;
  std::string_view name;
  DialectFamily family;
  bool below_chats;
};

inline constexpr std::array<EngineRow, 10> engine_rows{
    {{Engine::unknown, "", DialectFamily::openai, false},
     {Engine::ollama, "ollama", DialectFamily::ollama, false},
     {Engine::llama_server, "llama-server", DialectFamily::openai, false},
     {Engine::llama_swap, "llama-swap", DialectFamily::openai, false},
     {Engine::vllm, "vllm", DialectFamily::openai, true},
     {Engine::sglang, "sglang", DialectFamily::openai, false},
     {Engine::lmstudio, "lmstudio", DialectFamily::openai, false},
     {Engine::localai, "localai", DialectFamily::openai, false},
     {Engine::litellm, "litellm", DialectFamily::openai, false},
     {Engine::openai, "openai", DialectFamily::openai, false}}};

constexpr const EngineRow& engine_row(Engine engine) {
  return engine_rows.at(static_cast<std::size_t>(engine));
}

}  // namespace tasklane
