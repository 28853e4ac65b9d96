#include "shaper/observe/quoted_lines.h"

#include <algorithm>
#include <optional>

#include "shaper/dialect/quoted.h"

namespace tasklane::observe {
namespace {

constexpr std::string_view person_label = "USER: ", model_label = "ASSISTANT: ";

struct Start {
  std::size_t at = 0;
  bool by_person = false;
};

// Of the first line from `at` on, which is the start of one, that has a label.
std::optional<Start> next_start(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(person_label)) return Start{at, true};
    if (rest.starts_with(model_label)) return Start{at, false};
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return std::nullopt;
}

}  // namespace

std::string_view label_of(const QuotedLine& line) { return line.by_person ? person_label : model_label; }

std::size_t end_of(const QuotedLine& line) { return line.at + label_of(line).size() + line.bytes; }

std::vector<QuotedLine> quoted_lines(const TextHasher& hasher, std::string_view prompt) {
  std::vector<QuotedLine> lines;
  const std::string_view history = quoted_history(prompt);
  if (history.empty()) return lines;
  const auto before = static_cast<std::size_t>(history.data() - prompt.data());
  std::optional<Start> start = next_start(history, 0);
  while (start) {
    QuotedLine line;
    line.by_person = start->by_person;
    line.at = static_cast<std::uint32_t>(before + start->at);
    const std::size_t from = start->at + label_of(line).size();
    const std::size_t line_end = std::min(history.find('\n', from), history.size());
    start = next_start(history, line_end + 1);
    std::string_view said = history.substr(from, (start ? start->at : history.size()) - from);
    if (said.ends_with('\n')) said.remove_suffix(1);
    line.bytes = static_cast<std::uint32_t>(said.size());
    line.hash = hasher.hash(said);
    lines.push_back(line);
  }
  return lines;
}

}  // namespace tasklane::observe
