// The key of all hashes of a run.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tasklane::observe {

// Live ("" or "-"): drawn. Of a file: made of it, so that the same file gives the same hashes, and nobody
// without it can guess what they stand for.
std::pair<std::uint64_t, std::uint64_t> secret_of(const std::string& file);

}  // namespace tasklane::observe
