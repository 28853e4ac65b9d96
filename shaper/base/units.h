// Sizes and durations as people write them in rules: "64MiB", "400ms", "1.5s", "2/s", "5%".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/base/time.h"

namespace tasklane {

struct ByteSize {
  std::uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

// Events per second.
struct Rate {
  double per_second = 0;
  auto operator<=>(const Rate&) const = default;
};

// "512", "64KiB", "1.5MiB", "2GiB" (powers of 1024); "10kB", "3MB" (powers of 1000). Errors: no number,
// unknown unit, negative, past 2^63.
Result<ByteSize> parse_byte_size(std::string_view text);
// "250us", "400ms", "1.5s", "2m", "1h". A number without a unit is an error, for nobody agrees what it means.
Result<Duration> parse_duration(std::string_view text);
// "2/s", "30/m", "100/h".
Result<Rate> parse_rate(std::string_view text);
// "5%", as 0.05.
Result<double> parse_percent(std::string_view text);

std::string to_text(ByteSize size);
std::string to_text(Duration duration);

}  // namespace tasklane
