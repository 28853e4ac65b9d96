#include "shaper/answer/quoted.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "shaper/base/utf8.h"
#include "shaper/rewrite/contract.h"
#include "shaper/rewrite/json_body.h"

namespace tasklane {
namespace {

constexpr std::string_view white_space = " \t\r\n\v\f";
constexpr std::string_view speaker = "USER: ";
constexpr std::array<std::string_view, 4> next_speakers{
    "\nASSISTANT: ", "\nUSER: ", "\nSYSTEM: ", "\nTOOL: "};
constexpr std::size_t longest_title = 48;  // columns; a CJK character takes two

std::string_view strip(std::string_view text) {
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

// The place behind the first or last "USER: " that starts a line.
std::optional<std::size_t> speaks_at(std::string_view text, WhichMessage which) {
  std::optional<std::size_t> found;
  for (std::size_t at = text.find(speaker); at != std::string_view::npos; at = text.find(speaker, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') continue;
    found = at + speaker.size();
    if (which == WhichMessage::first) break;
  }
  return found;
}

std::string_view until_next_speaker(std::string_view text) {
  std::size_t end = text.size();
  for (const std::string_view next : next_speakers) end = std::min(end, text.find(next));
  return text.substr(0, end);
}

// The text between two marks, `open` the last one there is.
std::optional<std::string_view> between(std::string_view text, std::string_view open,
                                        std::string_view close) {
  const std::size_t begin = text.rfind(open);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(begin + open.size());
  if (close.empty()) return rest;
  const std::size_t end = rest.find(close);
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

struct Frame {
  std::string_view open;
  std::string_view close;
};
// How templates without "USER: " lines quote the message (shaper/classify, releases 0.3 and note titles).
constexpr std::array<Frame, 4> frames{{{"User Message:\n", "\n\nInteraction History:"},
                                       {"<content>\n", "\n</content>"},
                                       {"Here is the query:\n", "\n\nCreate a concise"},
                                       {"\n\nPrompt: ", ""}}};

// Markdown's signs at the start of a line.
std::string_view without_markup(std::string_view line) {
  return strip(line.substr(std::min(line.find_first_not_of("#>*-_` \t"), line.size())));
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

std::optional<std::string_view> quoted_user_text(const BodyFacts& body, WhichMessage which) {
  const std::string_view prompt = prompt_text(body);
  const std::string_view history = quoted_history(prompt);
  const std::string_view where = history.data() == nullptr ? prompt : history;
  // Before 0.4 the current message stands outside the history.
  if (history.data() == nullptr) {
    if (const auto message = between(prompt, frames[0].open, frames[0].close)) return strip(*message);
  }
  if (const auto at = speaks_at(where, which)) {
    const std::string_view message = strip(until_next_speaker(where.substr(*at)));
    if (!message.empty()) return message;
  }
  for (const Frame& frame : frames) {
    const auto message = between(prompt, frame.open, frame.close);
    if (message && !strip(*message).empty()) return strip(*message);
  }
  return std::nullopt;
}

std::optional<std::string_view> said_first(std::string_view conversation) {
  const auto at = speaks_at(conversation, WhichMessage::first);
  if (!at) return std::nullopt;
  const std::string_view message = strip(until_next_speaker(conversation.substr(*at)));
  return message.empty() ? std::nullopt : std::optional(message);
}

std::string title_from(std::string_view message) {
  const std::string line = one_spaced(first_sentence(first_line_with_letters(message)));
  const std::size_t room = title_room(line);
  if (room == line.size()) return std::string(without_trailing_marks(line));
  std::size_t end = line.rfind(' ', room);
  if (end == std::string::npos || end < room / 2) end = room;  // a script without spaces, one long word
  return std::string(without_trailing_marks(std::string_view(line).substr(0, end))) + "…";
}

std::optional<Typed> typed_text(const BodyFacts& body) {
  const std::string_view prompt = prompt_text(body);
  const std::size_t close = prompt.rfind("</text>");
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view before = prompt.substr(0, close);
  // The line that a template's <type> precedes, for the typed text may itself hold "<text>".
  constexpr std::string_view open = "<text>";
  std::size_t begin = before.rfind("\n<text>");
  if (begin != std::string_view::npos) ++begin;
  if (begin == std::string_view::npos) begin = before.rfind(open);
  if (begin == std::string_view::npos) return std::nullopt;
  Typed typed;
  typed.text = before.substr(begin + open.size());
  const std::string_view head = before.substr(0, begin);
  if (const auto type = between(head, "<type>", "</type>")) typed.type = strip(*type);
  return typed;
}

std::optional<std::string> suggestion_in(std::string_view answer) {
  const std::size_t open = answer.find('{');
  const std::size_t close = answer.rfind('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::string(answer);
  const auto object = parse_object(answer.substr(open, close - open + 1));
  if (!object) return std::nullopt;
  const OrderedJson* text = member(*object, "text");
  if (text == nullptr || !text->is_string()) return std::nullopt;
  return text->get<std::string>();
}

}  // namespace tasklane
