// Undoes a gzip content encoding (RFC 1952), bounded: what it unpacks to is never larger than asked for, nor
// than text packs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tasklane {

enum class GunzipResult { done, broken, too_large };

// All members of the stream, one after the other, into `out` (replaced). Too large: more than `limit`, or so
// much more than it was that no prompt is in it (people's text packs 3 to 10 times, a template repeated a
// hundred times; a flood of zeros a thousand).
GunzipResult gunzip(std::string_view packed, std::size_t limit, std::string& out);

}  // namespace tasklane
