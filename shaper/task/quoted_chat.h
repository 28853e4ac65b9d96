// Where a task's prompt quotes a chat that is known word for word, and that prompt without the quote.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/dialect/next_message.h"

namespace tasklane {

struct QuoteWish {
  // The person's next message may stand behind the quote, and stays: it is not part of the chat yet.
  bool next_message = false;
  // What is quoted must go on to the chat's end; else more may have been said since.
  bool to_its_end = true;
};

struct Unquoted {
  std::string text;          // the prompt, each quote replaced by words that point to the chat above it
  std::size_t bytes = 0;     // of the chat that were quoted
  bool with_answer = false;  // some of them the model's
};

// `chat`: what was said in it. Quotes are lines "USER: ...", "ASSISTANT: ..." (and "user: ", "assistant: ",
// "assistant_final: ") one behind the other, with the tag around them; or, where there is no such line, the
// last message of either side as it stands. A front end may leave messages out, trim them, leave out their
// <details>, and cut long ones ("..."). Every other byte of the prompt stays. Error: why it does not quote
// this chat, and nothing but it.
Result<Unquoted> without_quote(std::string_view prompt, const std::vector<ChatText>& chat,
                               const QuoteWish& wish);

}  // namespace tasklane
