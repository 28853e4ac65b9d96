// JSON texts with half a character in them: a front end that cuts a text at a UTF-16 unit writes "\ud83d"
// alone. Ollama takes that as U+FFFD; strict parsers refuse the whole text.
#pragma once

#include <string>
#include <string_view>

namespace tasklane {

// `json` with "\ufffd" for each escape of a surrogate that has no partner (RFC 8259 section 8.2).
std::string mend_surrogates(std::string_view json);

}  // namespace tasklane
