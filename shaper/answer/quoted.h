// What a task prompt quotes of the person: their message, or the text that they are typing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/read/body.h"

namespace tasklane {

enum class WhichMessage { first, last };

// The person's message in the conversation that the prompt quotes, as all known templates quote it
// ("USER: ...", "Prompt: ...", <content>...</content>...). Nothing where none is found. A view into the body.
std::optional<std::string_view> quoted_user_text(const BodyFacts& body, WhichMessage which);

// What the person says first in a conversation of "USER: ..." lines; nothing where no line is theirs.
std::optional<std::string_view> said_first(std::string_view conversation);

// A title made of the first words of a message: one line, without Markdown signs, 48 columns at most (a CJK
// character takes two) and an ellipsis where it is cut, between words. "" where the message has no letters or
// digits.
std::string title_from(std::string_view message);

// An autocomplete prompt's own part; its template holds examples before it, so the last ones count.
struct Typed {
  std::string_view text;  // between the last <text> and </text>
  std::string_view type;  // "general", "search query"; as written
};
std::optional<Typed> typed_text(const BodyFacts& body);

// The suggestion in an autocomplete answer, as Open WebUI reads it: `text` of the object from the first '{'
// to the last '}'; without braces the answer itself. Nothing where the object cannot be read.
std::optional<std::string> suggestion_in(std::string_view answer);

}  // namespace tasklane
