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

// In which order a server handles what carries a priority.
// - vLLM, started with --scheduling-policy priority: lower values first, 0 where none is given (its
//   OpenAI-compatible server's reference, "priority"). Else it refuses any other with 400, or passes it over.
// - SGLang, started with --enable-priority-scheduling: higher values first. Whatever says nothing goes behind
//   all that say something, unless --default-priority-value gives it a value (its server arguments): only
//   with 0 there a task can be told to go behind chats.
enum class Order : std::uint8_t { none, lower_first, higher_first_where_set_up };

struct EngineRow {
  Engine engine;
  std::string_view name;
  DialectFamily family;
  Order order;
};

inline constexpr std::array<EngineRow, 10> engine_rows{
    {{Engine::unknown, "", DialectFamily::openai, Order::none},
     {Engine::ollama, "ollama", DialectFamily::ollama, Order::none},
     {Engine::llama_server, "llama-server", DialectFamily::openai, Order::none},
     {Engine::llama_swap, "llama-swap", DialectFamily::openai, Order::none},
     {Engine::vllm, "vllm", DialectFamily::openai, Order::lower_first},
     {Engine::sglang, "sglang", DialectFamily::openai, Order::higher_first_where_set_up},
     {Engine::lmstudio, "lmstudio", DialectFamily::openai, Order::none},
     {Engine::localai, "localai", DialectFamily::openai, Order::none},
     {Engine::litellm, "litellm", DialectFamily::openai, Order::none},
     {Engine::openai, "openai", DialectFamily::openai, Order::none}}};

constexpr const EngineRow& engine_row(Engine engine) {
  return engine_rows.at(static_cast<std::size_t>(engine));
}

}  // namespace tasklane
