// The far end of every way: a fast HTTP/1.1 server of fixed answers, so that what is measured is the way.
// It answers any request with a small body, or, where the request asks with `X-Bench-Chunks: N`, with N
// chunks of 256 bytes, one each 200 us or each `X-Bench-Interval: N` us, every one stamped with the time at
// which it was sent.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "userspace/steer/unique_fd.h"

namespace tasklane::bench {

inline constexpr std::string_view chunks_header = "X-Bench-Chunks: ";
inline constexpr std::string_view interval_header = "X-Bench-Interval: ";
inline constexpr auto chunk_interval = std::chrono::microseconds(200);
inline constexpr std::size_t chunk_size = 256;
// In front of a chunk's stamp: 20 digits, nanoseconds of clock_now().
inline constexpr std::string_view stamp_mark = "{\"sent\":\"";
inline constexpr std::size_t stamp_digits = 20;

// Never returns.
void serve_far_end(const std::vector<UniqueFd>& listeners);

}  // namespace tasklane::bench
