// Text that a strict parser refuses and a model server takes: bad UTF-8 and lone surrogates become U+FFFD, as
// Go's decoder (Ollama) reads them.
#pragma once

#include <string>
#include <string_view>

namespace tasklane {

// `bytes` with every byte that is no part of valid UTF-8 replaced by U+FFFD.
std::string repair_utf8(std::string_view bytes);

// What stands between the quotes of a JSON string, unescaped. A wrong escape stays as it is written.
std::string unescape_leniently(std::string_view inside);

// `json` with null in the place of numbers that no double holds (1e999) and of words that are none in JSON,
// but that some servers write and Python reads (NaN, Infinity). What stands in strings is left alone.
std::string mend_numbers(std::string_view json);

}  // namespace tasklane
