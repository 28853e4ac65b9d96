#include "shaper/admit/type_ahead.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::size_t most_editors = 1024;
constexpr std::size_t longest_text = 8192;
constexpr Duration kept_for = std::chrono::minutes(2);

}  // namespace

void TypeAhead::remember(Editor editor, const std::string& typed, const std::string& suggestion, Time now) {
  if (!editor.known() || typed.empty() || suggestion.empty() ||
      typed.size() + suggestion.size() > longest_text)
    return;
  if (last_.size() >= most_editors && !last_.contains(editor)) {
    sweep(now);
    if (last_.size() >= most_editors)
      last_.erase(std::min_element(last_.begin(), last_.end(),
                                   [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  }
  last_[editor] = {typed, suggestion, now};
}

void TypeAhead::sweep(Time now) {
  std::erase_if(last_, [&](const auto& entry) { return now - entry.second.at > kept_for; });
}

std::optional<std::string> TypeAhead::rest(Editor editor, const std::string& typed, Time now) {
  const auto found = last_.find(editor);
  if (!editor.known() || found == last_.end() || now - found->second.at > kept_for) return std::nullopt;
  const std::string whole = found->second.typed + found->second.text;
  const bool along =
      typed.starts_with(found->second.typed) && typed.size() < whole.size() && whole.starts_with(typed);
  if (!along) return std::nullopt;
  return whole.substr(typed.size());
}

}  // namespace tasklane
