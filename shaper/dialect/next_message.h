// A chat's request with one more message behind its answer, in the chat's own dialect.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// Dialects in which it can be said.
constexpr bool takes_next_message(Dialect d) {
  return d == Dialect::ollama_chat || d == Dialect::openai_chat;
}

struct ChatText {
  bool by_person = false;
  std::string text;
};
// What the person and the model said in it, in order; texts alone, none that is empty.
std::vector<ChatText> texts_of(const OrderedJson& chat);

// `chat` with its messages as they are, the model's `answer` and the person's `message` behind them. All that
// shapes the prompt or the load is the chat's (tools, tool choice, template arguments, thinking, images, load
// options); what chooses and bounds the answer (sampling, limits, schema, stream) is as in `asking`, and not
// there where `asking` does not have it. Both are bodies of `dialect`. Nothing: the chat's messages do not
// end with what its answer answers.
std::optional<OrderedJson> with_next_message(OrderedJson chat, std::string_view answer,
                                             std::string_view message, const OrderedJson& asking,
                                             Dialect dialect);

}  // namespace tasklane
