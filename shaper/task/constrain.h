// Gives a task what its answer must look like: the JSON schema of its class, a token cap, and no thinking, so
// that a small or thinking model answers a title in seconds, and valid.
//
//   schema       `format` (Ollama), `response_format` with json_schema (OpenAI; llama-server and Ollama's /v1
//                read it too). Only where the prompt itself asks for the class's JSON key, and where the task
//                carries no format of its own
//   cap          options.num_predict or max_tokens, fit for the class; never 0 (unlimited in Ollama) and
//                never above the client's own
//   no_thinking  Ollama: "think": false, which models without thinking accept (a true one they refuse).
//                OpenAI: "chat_template_kwargs": {"enable_thinking": false} for llama-server and vLLM, whose
//                older releases know nothing else, and "reasoning_effort": "none" for Ollama's /v1 and newer
//                llama-servers. A task that says how to think keeps its own
//
// A server that refuses a field answers 400: it is asked again with fewer of the three. A model that thinks
// all the same may spend the cap on it: starved_by_cap() (shaper/dialect/answer.h) tells, and it is asked
// once more without the cap.
//
// Compaction, chats and what is no task are never constrained, nor is a task whose kind is not known (class
// `task`: nobody knows what its answer looks like); /v1/completions takes the cap alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/request_class.h"
#include "shaper/base/result.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/server/constraint_memory.h"

namespace tasklane {

// Numbers of items and lengths are those of the shipped template; somebody's own may ask for more, and gets
// types alone.
enum class SchemaBounds { of_shipped_template, none };

struct Constrained {
  std::string body;
  Constraints applied;  // what was changed in fact
};

// `wanted` is what the upstream is known to take. `json_contract`: the prompt asks for the class's key
// (asks_for_json() in contract.h). Nothing where nothing changes. Error: the body is no JSON object (then it
// is forwarded as it came).
Result<std::optional<Constrained>> constrain(std::string_view body, Dialect dialect,
                                             RequestClass request_class, bool json_contract,
                                             Constraints wanted = {},
                                             SchemaBounds bounds = SchemaBounds::of_shipped_template);

// What is to be tried next where `applied` of `wanted` was refused: without the schema first, the field that
// servers refuse most, then without anything.
Constraints fewer(Constraints wanted, Constraints applied);

// The cap of a class, 0 for none.
std::int64_t token_cap(RequestClass request_class, bool json_contract);

}  // namespace tasklane
