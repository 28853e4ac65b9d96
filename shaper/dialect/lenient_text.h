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

}  // namespace tasklane
