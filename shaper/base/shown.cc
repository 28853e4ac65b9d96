#include "shaper/base/shown.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ostream>

#include "shaper/base/utf8.h"

namespace tasklane {
namespace {

struct Character {
  std::size_t bytes = 1;
  std::uint32_t point = 0;
  bool whole = false;  // else the first byte is no UTF-8
};

// RFC 3629 section 4; an overlong form or a surrogate is no character.
Character character_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80U) return {1, first, true};
  const std::size_t bytes = first >= 0xf0U ? 4 : first >= 0xe0U ? 3 : 2;
  if (first < 0xc2U || first > 0xf4U || text.size() < bytes) return {};
  std::uint32_t point = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!utf8_continues(text[i])) return {};
    point = point << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800U && point <= 0xdfffU;
  if (point < least.at(bytes) || point > 0x10ffffU || surrogate) return {};
  return {bytes, point, true};
}

// Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing (Unicode's
// annex 9, "Explicit Directional Formatting").
bool is_harmless(std::uint32_t point) {
  if (point < 0x20U || (point >= 0x7fU && point < 0xa0U)) return false;
  return point != 0x200eU && point != 0x200fU && point != 0x061cU && (point < 0x2028U || point > 0x202eU) &&
         (point < 0x2066U || point > 0x2069U);
}

void append_escaped(std::string_view bytes, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 0xfU];
    }
  }
}

std::string escaped(std::string_view text, std::string_view allowed) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = character_at(text);
    const std::string_view bytes = text.substr(0, next.bytes);
    const bool fits = next.whole && (is_harmless(next.point) ||
                                     (next.bytes == 1 && allowed.find(bytes) != std::string_view::npos));
    if (fits)
      out += bytes;
    else
      append_escaped(bytes, out);
    text.remove_prefix(next.bytes);
  }
  return out;
}

// What stands between "://" and an @ of the same word.
std::string without_passwords(std::string_view text) {
  constexpr std::string_view mark = "://";
  std::string out;
  for (;;) {
    const std::size_t at = text.find(mark);
    if (at == std::string_view::npos) return out.append(text);
    out += text.substr(0, at + mark.size());
    text.remove_prefix(at + mark.size());
    const std::size_t end = std::min(text.find_first_of(" \t\r\n"), text.size());
    const std::size_t last = text.substr(0, end).rfind('@');
    if (last == std::string_view::npos) continue;
    out += "...";
    text.remove_prefix(last);
  }
}

// The last @ of a text, be it quoted as in a url (RFC 3986 section 2.1).
std::size_t last_at_sign(std::string_view text) {
  const std::size_t plain = text.rfind('@');
  const std::size_t quoted = text.rfind("%40");
  if (plain == std::string_view::npos || quoted == std::string_view::npos) return std::min(plain, quoted);
  return std::max(plain, quoted);
}

// What stands between `begin`, or the scheme that is written there, and the last @.
std::string without_user(std::string_view text, std::size_t begin) {
  const std::size_t last = last_at_sign(text);
  if (last == std::string_view::npos) return std::string(text);
  if (begin > last) begin = 0;
  const std::string_view user = text.substr(begin, last - begin);
  const std::size_t scheme =
      std::min(user.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-. "),
               user.size());
  if (user.substr(scheme).starts_with("://")) begin += scheme + 3;
  return std::string(text.substr(0, begin)) + "..." + std::string(text.substr(last));
}

// What stands from a ? to `end`, or to the text's end where it stands behind that.
std::string without_query(std::string text, std::size_t mark, std::size_t end) {
  if (mark == std::string::npos || mark + 1 == text.size() || mark + 1 == end) return text;
  const std::size_t stop = end < mark ? text.size() : std::min(end, text.size());
  return text.replace(mark + 1, stop - mark - 1, "...");
}

// The first ?, or in a url the first # (RFC 3986 section 3.5).
std::size_t query_in_value(std::string_view text) {
  const std::size_t scheme = text.find("://");
  const std::size_t hash = scheme == std::string_view::npos ? scheme : text.find('#', scheme);
  return std::min(text.find('?'), hash);
}

// The first ? that is no question of a message's own: "did you mean 'x'? known are: ".
std::size_t query_in_message(std::string_view text) {
  std::size_t mark = text.find('?');
  while (mark != std::string_view::npos && (mark + 1 == text.size() || text[mark + 1] == ' '))
    mark = text.find('?', mark + 1);
  return mark;
}

std::string without_middle(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const std::size_t head = utf8_floor(text, most / 2);
  std::size_t tail = text.size() - most / 2;
  while (tail < text.size() && utf8_continues(text[tail])) ++tail;
  return text.substr(0, head) + "... (" + std::to_string(tail - head) + " bytes) ..." + text.substr(tail);
}

}  // namespace

std::string shown(std::string_view text, std::size_t most) {
  return without_middle(escaped(without_passwords(text), ""), most);
}

// Shorter than a message, which would leave out the middle of what is left.
std::string shown_value(std::string_view text) {
  constexpr std::size_t most = 200;
  const std::string value = without_user(text, 0);
  return shown(without_query(value, query_in_value(value), std::string::npos), most);
}

std::string shown_message(std::string_view text) {
  const std::size_t quote = text.find_first_of("'\"");
  const std::size_t colon = text.find(": ");
  const std::size_t begin = quote != std::string_view::npos   ? quote + 1
                            : colon != std::string_view::npos ? colon + 2
                                                              : 0;
  const std::string message = without_user(text, begin);
  return shown(without_query(message, query_in_message(message), message.rfind('\'')));
}

std::string shown_lines(std::string_view text) { return escaped(without_passwords(text), "\n\t"); }

std::streamsize ShownBuffer::xsputn(const char* text, std::streamsize count) {
  put_raw(shown_lines({text, static_cast<std::size_t>(count)}));
  return count;
}

// A single character, which may be a byte of several: none of those is a control by itself.
ShownBuffer::int_type ShownBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  if (static_cast<unsigned char>(byte) >= 0x80U)
    put_raw({&byte, 1});
  else
    put_raw(shown_lines({&byte, 1}));
  return c;
}

ShownStream::ShownStream(std::ostream& stream) : stream_(stream), behind_(stream.rdbuf()), buffer_(*behind_) {
  stream_.rdbuf(&buffer_);
}

ShownStream::~ShownStream() {
  stream_.flush();
  stream_.rdbuf(behind_);
}

void clear_screen(std::ostream& out) {
  constexpr std::string_view anew = "\x1b[H\x1b[2J";  // console_codes(4)
  if (auto* const buffer = dynamic_cast<ShownBuffer*>(out.rdbuf()))
    buffer->put_raw(anew);
  else
    out << anew;
}

}  // namespace tasklane
