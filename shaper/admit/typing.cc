#include "shaper/admit/typing.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::size_t a_beginning = 4;  // bytes; fewer many texts have in common

std::size_t shared_start(std::string_view one, std::string_view other) {
  const auto differ = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  return static_cast<std::size_t>(differ.first - one.begin());
}

}  // namespace

bool goes_on(std::string_view one, std::string_view other) {
  const std::string_view shorter = one.size() <= other.size() ? one : other;
  const std::size_t shared = shared_start(one, other);
  if (shorter.empty() || shared == shorter.size()) return !shorter.empty();
  const std::size_t space = shorter.find_last_of(" \t\n");
  const std::size_t last_word = space == std::string_view::npos ? 0 : space + 1;
  return shared >= a_beginning && shared > last_word + (shorter.size() - last_word) / 2;
}

TypistKey editor_of(const Ticket& keystroke) {
  return keystroke.editor != 0 ? keystroke.editor : keystroke.typist;
}

bool same_editor(const Ticket& older, const Ticket& newer) {
  if (older.lane != Lane::keystroke || newer.lane != Lane::keystroke) return false;
  if (editor_of(newer) == 0 || editor_of(older) != editor_of(newer)) return false;
  return newer.typist_known || goes_on(older.typed, newer.typed);
}

bool sends_it(const Ticket& chat, const Ticket& keystroke) {
  if (chat.request_class != RequestClass::chat) return false;
  if (keystroke.lane != Lane::keystroke || keystroke.typist == 0) return false;
  if (keystroke.typist_known) return chat.typist == keystroke.typist;
  if (chat.newcomer != keystroke.typist) return false;
  for (std::string_view rest = chat.typed; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (goes_on(keystroke.typed, rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace tasklane
