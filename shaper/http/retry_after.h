// How long a server wants to be left alone.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>

#include "shaper/base/time.h"
#include "shaper/http/message_head.h"

namespace tasklane {

// Retry-After in seconds (RFC 9110 section 10.2.3). A date is none: two clocks may differ.
inline std::optional<Duration> retry_after_in(const RequestHead& head) {
  const std::string* const text = head.field("Retry-After");
  if (text == nullptr) return std::nullopt;
  std::uint32_t seconds = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, seconds);
  if (error != std::errc() || stop != end) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace tasklane
