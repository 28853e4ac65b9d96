// The characters of HTTP's grammar (RFC 9110 section 5.6, RFC 5234), as bytes.
#pragma once

#include <array>
#include <string_view>

namespace tasklane {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A character of a token: a method, the name of a field.
inline constexpr std::array<bool, 256> token_chars = [] {
  std::array<bool, 256> of_token{};
  for (char c = '0'; c <= '9'; ++c) of_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) of_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) of_token[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) of_token[static_cast<unsigned char>(c)] = true;
  return of_token;
}();
inline bool is_token_char(char c) { return token_chars[static_cast<unsigned char>(c)]; }

inline bool is_space(char c) { return c == ' ' || c == '\t'; }

// A character of a field's value: visible, white space or obs-text; no control byte.
inline bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// The value of a hexadecimal digit, or -1.
inline int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Without the white space (OWS) around it.
inline std::string_view trimmed_value(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace tasklane
