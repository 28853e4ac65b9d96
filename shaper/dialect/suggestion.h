// What an autocomplete answer suggests.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tasklane {

// The suggestion in an autocomplete answer, as Open WebUI reads it: `text` of the object from the first '{'
// to the last '}'; without braces the answer itself. Nothing where the object cannot be read.
std::optional<std::string> suggestion_in(std::string_view answer);

}  // namespace tasklane
