// Text that a strict parser refuses and a model server takes: bad UTF-8 and lone surrogates become U+FFFD, as
// Go's decoder (Ollama) reads them.
#pragma once

#include <string>
#include <string_view>

namespace tasklane {

// `bytes` with every byte that is no part of valid UTF-8 replaced by U+FFFD.
std::string repair_utf8(std::string_view bytes);

// The inside of a JSON string, unescaped. `quoted` starts behind the opening quote; reading ends at the first
// quote that is not escaped. A wrong escape stands as it is written.
std::string unescape_leniently(std::string_view quoted);

}  // namespace tasklane
