// What a request looks like before a word of its prompt is read: what it can be, and whether it can be a
// task.
#pragma once

#include <string_view>

#include "shaper/base/request_class.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

// No model that runs on a machine of one's own reads more at once (a million tokens): in what is longer
// nothing is looked for, or one such prompt would keep everybody else waiting.
bool longer_than_models_read(const BodyFacts& body);

RequestClass class_by_path(EndpointKind kind);
bool is_chat_dialect(Dialect dialect);
// Without a prompt Ollama only loads or unloads the model. A prompt without a conversation around it is as
// good as a chat, but for /completions, which scripts use.
RequestClass class_without_evidence(const BodyFacts* body, Dialect dialect);

// What speaks against a task before a word is read.
std::string_view against_shape(const BodyFacts& body);

bool task_shaped(const BodyFacts& body);

}  // namespace tasklane
