#include "shaper/observe/redact_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "shaper/http/request_head.h"
#include "shaper/observe/redact_words.h"

namespace tasklane::observe {
namespace {

// No vowels: no word of any length comes about by chance.
constexpr std::string_view letters = "bcdfghjkmnpqrstvwxz";
constexpr std::size_t word_length = 6;

constexpr auto frames = std::to_array<std::string_view>(
    {"### Task:", "### Chat History:", "### Output:", "#### Output:", "<chat_history>", "</chat_history>",
     "USER: ", "ASSISTANT: ", "SYSTEM: ", "TOOL: ", "<type>", "</type>", "<text>", "</text>", "<content>",
     "</content>"});

// Names of fields are compared without regard to case.
bool has_field(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (equal_names(list.substr(0, end), name)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// "stop", "qwen2.5:3b", "2026-11-01T10:00:00Z": no sentence.
bool is_word(std::string_view text) {
  constexpr std::size_t longest = 80;
  return text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._:/@+-").find(c) != std::string_view::npos;
         });
}

// A character of a text, and where it is written.
struct Character {
  char32_t code = 0;
  std::size_t begin = 0, end = 0;
  bool escaped = false;  // as JSON escapes it
};
constexpr char32_t not_a_character = 0x110000;  // bytes that are none

unsigned utf8_length(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
}

void append_utf8(std::string& to, char32_t code) {
  if (code < 0x80) {
    to += static_cast<char>(code);
    return;
  }
  const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::array<unsigned, 4> leads{0, 0xC0, 0xE0, 0xF0};
  to += static_cast<char>(leads.at(more) | code >> (6 * more));
  for (unsigned i = more; i-- > 0;) to += static_cast<char>(0x80U | (code >> (6 * i) & 0x3FU));
}

Character unescaped(const std::string& raw, std::size_t at, std::size_t end) {
  Character result{not_a_character, at, std::min(at + 2, end), true};
  if (at + 1 >= end) return result;
  const auto hex = [&](std::size_t from) -> char32_t {
    if (from + 6 > end || raw[from] != '\\' || raw[from + 1] != 'u') return not_a_character;
    char32_t code = 0;
    for (std::size_t i = from + 2; i < from + 6; ++i) {
      const char c = raw[i];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return not_a_character;
      code = code << 4U | static_cast<char32_t>(digit);
    }
    return code;
  };
  const char escape = raw[at + 1];
  if (escape != 'u') {
    constexpr std::string_view from = "nrtbf", to = "\n\r\t\b\f";
    const std::size_t found = from.find(escape);
    result.code = static_cast<unsigned char>(found == std::string_view::npos ? escape : to[found]);
    return result;
  }
  result.end = std::min(at + 6, end);
  result.code = hex(at);
  if (result.code < 0xD800 || result.code > 0xDFFF) return result;
  const char32_t low = hex(at + 6);
  const bool pair = result.code < 0xDC00 && low >= 0xDC00 && low <= 0xDFFF;
  if (pair) result.end = at + 12;
  result.code = pair ? 0x10000 + ((result.code - 0xD800) << 10U) + (low - 0xDC00) : not_a_character;
  return result;
}

std::vector<Character> characters(const std::string& raw, std::size_t begin, std::size_t end, bool escaped) {
  std::vector<Character> result;
  result.reserve(end - begin);
  for (std::size_t at = begin; at < end; at = result.back().end) {
    if (escaped && raw[at] == '\\') {
      result.push_back(unescaped(raw, at, end));
      continue;
    }
    const unsigned length = utf8_length(static_cast<unsigned char>(raw[at]));
    Character one{not_a_character, at, at + 1};
    if (length > 0 && at + length <= end) {
      one.code = static_cast<unsigned char>(raw[at]) & (length == 1 ? 0x7FU : 0xFFU >> (length + 1));
      for (unsigned i = 1; i < length; ++i)
        one.code = one.code << 6U | (static_cast<unsigned char>(raw[at + i]) & 0x3FU);
      one.end = at + length;
    }
    result.push_back(one);
  }
  return result;
}

// One as many bytes long in UTF-8, of which no word of a living language is made.
char32_t stand_in(char32_t code, std::uint64_t random) {
  constexpr std::u32string_view greek = U"βγδζθκλμνξπρστφχψ";
  if (code == '"' || code == '\\' || code == '/') return '/';
  if (code < 0x80) return static_cast<char32_t>(letters[random % letters.size()]);
  if (code < 0x800) return greek[random % greek.size()];
  if (code < 0x10000) return 0xA000 + static_cast<char32_t>(random % 1000);  // Yi
  return 0x12000 + static_cast<char32_t>(random % 900);                      // cuneiform
}

void write(std::string& text, const Character& where, char32_t code) {
  std::string written;
  const std::size_t length = where.end - where.begin;
  if (!where.escaped) {
    append_utf8(written, code);
  } else if (length == 2) {
    written = code == '/' ? "\\/" : text.substr(where.begin, 2);  // white space
  } else {
    char hex[16];
    if (length == 6)
      std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(code));
    else
      std::snprintf(hex, sizeof hex, "\\u%04x\\u%04x",
                    static_cast<unsigned>(0xD800 + ((code - 0x10000) >> 10U)),
                    static_cast<unsigned>(0xDC00 + (code & 0x3FFU)));
    written = hex;
  }
  if (written.size() == length) text.replace(where.begin, length, written);
}

bool is_space(const Character& c) { return c.code == ' ' || (c.code >= '\t' && c.code <= '\r'); }

}  // namespace

Spans frames_in(std::string_view prompt) {
  Spans spans;
  for (const std::string_view frame : frames)
    for (std::size_t at = prompt.find(frame); at != std::string_view::npos; at = prompt.find(frame, at + 1))
      spans.emplace_back(at, at + frame.size());
  return spans;
}

void TextRedactor::all(std::string& text, std::size_t begin, std::size_t end) {
  for (std::size_t at = begin; at < end; ++at)
    if (!is_space(text[at])) text[at] = 'x';
}

namespace {

// Characters of one line, without white space at its ends.
void replace_piece(const TextHasher& hasher, std::string& text, const Character* begin,
                   const Character* end) {
  while (begin < end && is_space(*begin)) ++begin;
  while (begin < end && is_space(*(end - 1))) --end;
  std::string words;
  for (const Character* c = begin; c < end; ++c)
    append_utf8(words, c->code == not_a_character ? '?' : c->code);
  std::uint64_t state = hasher.hash(words);
  for (const Character* c = begin; c < end; ++c) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto place = static_cast<std::size_t>(c - begin);
    const bool space = place % (word_length + 1) == word_length && c + 1 < end;
    if (c->code == not_a_character)
      TextRedactor::all(text, c->begin, c->end);
    else if (space && !c->escaped && c->code < 0x80)
      text[c->begin] = ' ';
    else
      write(text, *c, stand_in(c->code, state >> 33U));
  }
}

}  // namespace

void TextRedactor::piece(std::string& text, std::size_t begin, std::size_t end, bool escaped) const {
  const std::vector<Character> all = characters(text, begin, end, escaped);
  replace_piece(hasher_, text, all.data(), all.data() + all.size());
}

void TextRedactor::prompt(std::string& text, std::size_t begin, std::size_t end,
                          const std::function<Spans(std::string_view)>& stays) const {
  const std::vector<Character> all = characters(text, begin, end, true);
  std::string plain;
  std::vector<std::size_t> place;  // of each of its bytes, in `all`
  for (std::size_t i = 0; i < all.size(); ++i) {
    append_utf8(plain, all[i].code == not_a_character ? '?' : all[i].code);
    place.resize(plain.size(), i);
  }
  std::vector<bool> kept(all.size(), false);
  if (stays)
    for (const auto& [from, to] : stays(plain))
      for (std::size_t i = from; i < to && i < place.size(); ++i) kept[place[i]] = true;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= all.size(); ++i) {
    if (i < all.size() && !kept[i] && all[i].code != '\n') continue;
    replace_piece(hasher_, text, all.data() + from, all.data() + i);
    from = i + 1;
  }
}

void TextRedactor::json(std::string& text, std::size_t begin, std::size_t end,
                        const std::function<Spans(std::string_view)>& stays) const {
  struct Level {
    bool object = false, wants_key = false, opaque = false;
    std::string key{};
  };
  std::vector<Level> levels{{}};
  for (std::size_t at = begin; at < end; ++at) {
    Level& level = levels.back();
    const char c = text[at];
    if (c == '{' || c == '[') {
      constexpr std::size_t deepest = 512;
      if (levels.size() > deepest) return all(text, at, end);
      const bool opaque = level.opaque || has_word(opaque_keys, level.key);
      levels.push_back({c == '{', c == '{', opaque, c == '{' ? std::string() : level.key});
    } else if (c == '}' || c == ']') {
      if (levels.size() > 1) levels.pop_back();
    } else if (c == ',') {
      level.wants_key = level.object;
    } else if (c == '"') {
      std::size_t close = at + 1;
      while (close < end && text[close] != '"') close += text[close] == '\\' ? 2 : 1;
      close = std::min(close, end);
      const std::string inside = text.substr(at + 1, close - at - 1);
      if (level.wants_key) {
        level.key = inside;
        level.wants_key = false;
        if (level.opaque || !has_word(kept_keys, inside)) piece(text, at + 1, close, true);
      } else if (level.opaque || !has_word(kept_values, level.key) || !is_word(inside)) {
        if (!stays)
          all(text, at + 1, close);
        else if (!level.opaque && has_word(prompt_keys, level.key))
          prompt(text, at + 1, close, stays);
        else
          prompt(text, at + 1, close, nullptr);
      }
      at = close;
    } else if (c >= '0' && c <= '9') {
      const bool kept = !level.opaque && has_word(kept_keys, level.key) && !has_word(opaque_keys, level.key);
      if (!kept) text[at] = '1';
    } else if (c == ':' || is_space(c) || c == '-' || c == '.' || c == '+') {
      continue;
    } else {
      // true, false, null, an exponent; anything else is no JSON.
      const std::size_t from = at;
      while (at < end && ((text[at] >= 'a' && text[at] <= 'z') || text[at] == 'E')) ++at;
      const std::string word = text.substr(from, at - from);
      const bool known = word == "true" || word == "false" || word == "null" || word == "e" || word == "E";
      if (!known) all(text, from, std::max(at, from + 1));
      at = std::max(at, from + 1) - 1;
    }
  }
}

void TextRedactor::head(std::string& text, std::size_t begin, std::size_t end) const {
  std::size_t at = begin;
  for (bool first = true; at < end; first = false) {
    std::size_t line_end = text.find('\n', at);
    const std::size_t next = line_end == std::string::npos || line_end >= end ? end : line_end + 1;
    line_end = std::min(next, end);
    while (line_end > at && is_space(text[line_end - 1])) --line_end;
    const std::string line = text.substr(at, line_end - at);
    if (first && line.starts_with("HTTP/1.")) {
      const std::size_t reason = std::min(line.find(' ', 9), line.size());
      if (!is_word(line.substr(9, reason - 9))) all(text, at, line_end);
    } else if (first) {
      const std::size_t target = std::min(line.find(' '), line.size());
      const std::size_t behind = std::min(line.find(' ', target + 1), line.size());
      const std::size_t query = std::min(line.find('?'), behind);
      for (std::size_t from = target + 1; from < query;) {
        const std::size_t to = std::min(line.find('/', from), query);
        if (!has_word(kept_segments, line.substr(from, to - from)))
          for (std::size_t i = from; i < to; ++i) text[at + i] = 'x';
        from = to + 1;
      }
      for (std::size_t i = query + 1; i < behind; ++i) text[at + i] = 'x';
    } else if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
      const std::string name = line.substr(0, colon);
      if (!has_field(kept_fields, name) && !has_field(known_fields, name)) all(text, at, at + colon);
      std::size_t from = colon + 1;
      if (equal_names(name, "Content-Type")) from = std::min(line.find(';', from), line.size());
      if (!has_field(kept_fields, name)) piece(text, at + from, line_end, false);
    } else if (!line.empty()) {
      piece(text, at, line_end, false);
    }
    at = next;
  }
}

}  // namespace tasklane::observe
