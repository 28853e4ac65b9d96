#include "shaper/dialect/title_from.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "shaper/base/trimmed.h"
#include "shaper/base/utf8.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_title = 48;  // columns; a CJK character takes two

// Markdown's signs at the start of a line.
std::string_view without_markup(std::string_view line) {
  return trimmed(line.substr(std::min(line.find_first_not_of("#>*-_` \t"), line.size())));
}

bool has_letters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0; });
}

std::string_view first_line_with_letters(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = without_markup(text.substr(0, end));
    if (has_letters(line)) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

// The line up to the end of its first sentence.
std::string_view first_sentence(std::string_view line) {
  std::size_t end = line.size();
  for (const std::string_view stop : {". ", "? ", "! "})
    if (const std::size_t at = line.find(stop, 1); at != std::string_view::npos) end = std::min(end, at + 1);
  for (const std::string_view stop : {"。", "？", "！"})
    if (const std::size_t at = line.find(stop); at != std::string_view::npos)
      end = std::min(end, at + stop.size());
  return line.substr(0, end);
}

std::size_t columns(char first_byte) {
  if (utf8_continues(first_byte)) return 0;
  return static_cast<unsigned char>(first_byte) >= 0xE0 ? 2 : 1;
}

// The byte behind as much of the line as a title holds.
std::size_t title_room(std::string_view line) {
  std::size_t taken = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    taken += columns(line[i]);
    if (taken > longest_title) return i;
  }
  return line.size();
}

std::string_view without_trailing_marks(std::string_view text) {
  const std::size_t last = text.find_last_not_of(".,;: ");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string one_spaced(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '`' || line.substr(i, 2) == "**") {
      i += c == '`' ? 0 : 1;
      continue;
    }
    const bool space = white_space.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 0x20;
    if (!space)
      out.push_back(c);
    else if (!out.empty() && out.back() != ' ')
      out.push_back(' ');
  }
  return out;
}

}  // namespace

std::string title_from(std::string_view message) {
  const std::string line = one_spaced(first_sentence(first_line_with_letters(message)));
  const std::size_t room = title_room(line);
  if (room == line.size()) return std::string(without_trailing_marks(line));
  std::size_t end = line.rfind(' ', room);
  if (end == std::string::npos || end < room / 2) end = room;  // a script without spaces, one long word
  return std::string(without_trailing_marks(std::string_view(line).substr(0, end))) + "…";
}

}  // namespace tasklane
