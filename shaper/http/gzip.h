// Undoes a gzip content encoding (RFC 1952), bounded: what it unpacks to is never larger than asked for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tasklane {

enum class GunzipResult { done, broken, too_large };

// All members of the stream, one after the other, into `out` (replaced).
GunzipResult gunzip(std::string_view packed, std::size_t limit, std::string& out);

}  // namespace tasklane
