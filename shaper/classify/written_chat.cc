#include "shaper/classify/written_chat.h"

#include <algorithm>

#include "shaper/base/find_last.h"
#include "shaper/base/trimmed.h"

namespace tasklane {
namespace {

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::size_t find_label(std::string_view text, std::string_view label, std::size_t from) {
  std::size_t at = text.find(label, from);
  while (at != std::string_view::npos && at > 0 && is_ascii_letter(text[at - 1]))
    at = text.find(label, at + label.size());
  return at;
}

std::string_view inner_question(std::string_view text) {
  constexpr std::string_view context_end = "</context>";
  constexpr std::string_view query = "<user_query>";
  const std::size_t context = find_last(text, context_end);
  if (context == std::string_view::npos) return {};
  text.remove_prefix(context + context_end.size());
  if (const auto opens = text.find(query); opens != std::string_view::npos) {
    text.remove_prefix(opens + query.size());
    text = text.substr(0, text.find("</user_query>"));
  }
  return trimmed(text);
}

std::string_view own_words(std::string_view message) {
  const std::string_view inner = inner_question(message);
  return inner.empty() ? trimmed(message) : inner;
}

PromptEnds ends_of(std::string_view text) {
  PromptEnds ends{text, {}};
  std::size_t first = text.size();
  std::size_t last = 0;
  for (const std::string_view label : {user_label, assistant_label})
    each_label(text, label, [&](std::size_t at) {
      first = std::min(first, at);
      last = std::max(last, at);
    });
  if (first == text.size()) return ends;
  ends.before = text.substr(0, first);
  const std::size_t line_end = text.find('\n', last);
  if (line_end != std::string_view::npos) ends.behind = text.substr(line_end);
  return ends;
}

}  // namespace tasklane
