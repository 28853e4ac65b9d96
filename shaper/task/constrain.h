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
// Where the answer is an error, empty, unreadable or cut at the cap, the task is asked once more as its
// client sent it, and the next one carries fewer of the three: see shaper/task/verdict.h.
//
// Compaction, chats and what is no task are never constrained, nor is a task whose kind is not known (class
// `task`: nobody knows what its answer looks like); /v1/completions takes the cap alone.
#pragma once

#include <cstdint>
#include <string_view>

#include "shaper/base/request_class.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/ordered_json.h"
#include "shaper/server/constraints.h"

namespace tasklane {

// `wanted` is what the upstream is known to take. `json_contract`: the prompt asks for the class's key
// (asks_for_json() in contract.h). `body` is a JSON object. Gives what was changed of it in fact.
Constraints constrain(OrderedJson& body, Dialect dialect, RequestClass request_class, bool json_contract,
                      Constraints wanted = {}, SchemaBounds bounds = SchemaBounds::of_shipped_template);

// The cap of a class, 0 for none.
std::int64_t token_cap(RequestClass request_class, bool json_contract);

}  // namespace tasklane
