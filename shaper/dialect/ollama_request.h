// Ollama's requests read and written: of its two rows (ollama.cc). What Ollama ignores is not refused.
#pragma once

#include "shaper/dialect/question.h"

namespace tasklane {

Result<Question> hear_ollama_chat(const OrderedJson& body);
// A plain prompt with its system text: the two messages that Ollama makes of it.
Result<Question> hear_ollama_generate(const OrderedJson& body);
// As /api/chat.
Result<OrderedJson> ask_ollama(const Question& question);

}  // namespace tasklane
