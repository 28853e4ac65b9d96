// Where in a JSON text a value stands, for messages that a person can follow.
#pragma once

#include <cstddef>
#include <string_view>

namespace tasklane {

// The line (from 1) of the value that `pointer` (RFC 6901) names, or of its nearest ancestor that exists.
// `text` is valid JSON.
std::size_t json_line(std::string_view text, std::string_view pointer);

// The line (from 1) of a byte.
std::size_t line_at(std::string_view text, std::size_t offset);

}  // namespace tasklane
