#include "shaper/dialect/lenient_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <system_error>

namespace tasklane {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Length of the well-formed sequence at the start of `bytes` (Unicode 15, table 3-7), 0 where there is none.
std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(i < bytes.size() ? bytes[i] : 0); };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool past_end = first == 0xF4 && at(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !past_end ? 4 : 0;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::optional<std::uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return value;
}

constexpr bool is_high(std::uint32_t code) { return code >= 0xD800 && code <= 0xDBFF; }
constexpr bool is_low(std::uint32_t code) { return code >= 0xDC00 && code <= 0xDFFF; }

// `rest` starts behind "\u". Appends the character and returns how much of `rest` it took.
std::size_t unescape_unicode(std::string_view rest, std::string& out) {
  const auto code = hex4(rest);
  if (!code) {
    out += "\\u";
    return 0;
  }
  if (is_high(*code) && rest.substr(4).starts_with("\\u")) {
    const auto low = hex4(rest.substr(6));
    if (low && is_low(*low)) {
      append_utf8(out, 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00));
      return 10;
    }
  }
  if (is_high(*code) || is_low(*code))
    out += replacement;
  else
    append_utf8(out, *code);
  return 4;
}

}  // namespace

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 16);
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length == 0)
      out += replacement;
    else
      out += bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string unescape_leniently(std::string_view inside) {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  std::string out;
  out.reserve(inside.size());
  while (true) {
    const std::size_t plain = inside.find('\\');
    out += inside.substr(0, plain);
    if (plain == std::string_view::npos || plain + 1 == inside.size()) return out;
    const char letter = inside[plain + 1];
    inside.remove_prefix(plain + 2);
    if (letter == 'u') {
      inside.remove_prefix(unescape_unicode(inside, out));
    } else if (const auto known = letters.find(letter); known != std::string_view::npos) {
      out.push_back(meanings[known]);
    } else {
      out.push_back('\\');
      out.push_back(letter);
    }
  }
}

std::string mend_numbers(std::string_view json) {
  static constexpr std::string_view of_words =
      "+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string mended;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t end = at + 1;
    if (json[at] == '"') {
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, json.size());
    } else if (of_words.find(json[at]) != std::string_view::npos) {
      end = std::min(json.find_first_not_of(of_words, at), json.size());
      const std::string_view word = json.substr(at, end - at);
      double number = 0;
      const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
      const bool is_number = read.ptr == word.data() + word.size();
      if (is_number && (read.ec != std::errc() || !std::isfinite(number))) {
        mended += "null";
        at = end;
        continue;
      }
    }
    mended += json.substr(at, end - at);
    at = end;
  }
  return mended;
}

}  // namespace tasklane
