// OpenAI's requests read and written: of the rows of chat completions (openai.cc) and responses
// (openai_responses.cc).
#pragma once

#include "shaper/dialect/question.h"

namespace tasklane {

Result<Question> hear_openai_chat(const OrderedJson& body);
Result<Question> hear_openai_responses(const OrderedJson& body);
// As chat completions. Samplers tuned to one model are left out: OpenAI's own servers refuse their names.
Result<OrderedJson> ask_openai(const Question& question);

// What both read. False: the member is of neither.
bool hear_openai_member(Hearing& hearing, const std::string& key, const OrderedJson& value,
                        const std::string& where);
// A message's content, a text or parts.
void hear_content(Hearing& hearing, Turn& turn, const OrderedJson& content, const std::string& where);

}  // namespace tasklane
