// Addresses as a configuration writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/decide/json_cursor.h"

namespace tasklane {

inline constexpr std::int64_t highest_port = 65535;

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string authority;
};

// "host:port" or "[v6]:port" (RFC 3986 section 3.2); without a port `default_port`, where that is not 0.
std::optional<HostPort> parse_authority(std::string_view text, std::uint16_t default_port);

struct Url {
  bool tls = false;
  HostPort at;
  std::string path;  // without a slash at its end; mostly empty
};

// "http://host:port/path" or "https://...". Empty after a note of what is wrong.
std::optional<Url> parse_url(const JsonCursor& at);
// "http://host:port", and nothing behind it. Empty after a note of what is wrong.
std::optional<HostPort> parse_plain_url(const JsonCursor& at);

// Such a server runs on the original's machine.
bool is_loopback(std::string_view host);

}  // namespace tasklane
