// A task's body as one upstream is to get it: the rule's changes, the chat's load options, the shape of its
// answer, and always as a stream.
#pragma once

#include <string>
#include <string_view>

#include "shaper/decide/config.h"
#include "shaper/server/align.h"
#include "shaper/task/constrain.h"

namespace tasklane {

struct TaskBodyInput {
  std::string_view body;  // as the client sent it, decoded
  Dialect dialect = Dialect::ollama_chat;
  RequestClass request_class = RequestClass::title;
  bool json_contract = false;  // the prompt asks for its class's JSON key
  const Then& then;
  const Upstream& upstream;
  const LoadOptions* chat = nullptr;  // of the chat with the same model; null: not known, or not wanted
  Constraints wanted{false, false, false};
  SchemaBounds bounds = SchemaBounds::of_shipped_template;
};

// What of it cannot be done is left out: then the rest of the body is as it came.
Constrained task_body(const TaskBodyInput& input);

}  // namespace tasklane
