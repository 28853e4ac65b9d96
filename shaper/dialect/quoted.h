// What a task prompt quotes of the person: their message, or the text that they are typing.
#pragma once

#include <optional>
#include <string_view>

#include "shaper/dialect/body.h"

namespace tasklane {

// The last user message; "" where there is none.
std::string_view prompt_text(const BodyFacts& body);

// The conversation that a prompt quotes: between <chat_history> and the last </chat_history>; empty and null
// where it has none. A view into `prompt`.
std::string_view quoted_history(std::string_view prompt);

enum class WhichMessage { first, last };

// The person's message in the conversation that the prompt quotes, as all known templates quote it
// ("USER: ...", "Prompt: ...", <content>...</content>...). Nothing where none is found. A view into the body.
std::optional<std::string_view> quoted_user_text(const BodyFacts& body, WhichMessage which);

// What the person says first in a conversation of "USER: ..." lines; nothing where no line is theirs.
std::optional<std::string_view> said_first(std::string_view conversation);

// An autocomplete prompt's own part; its template holds examples before it, so the last ones count.
struct Typed {
  std::string_view text;  // between the last <text> and </text>
  std::string_view type;  // "general", "search query"; as written
};
std::optional<Typed> typed_text(const BodyFacts& body);

}  // namespace tasklane
