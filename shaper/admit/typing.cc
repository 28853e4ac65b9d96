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

bool same_editor(const Ticket& older, const Ticket& newer) {
  if (older.lane != Lane::keystroke || newer.lane != Lane::keystroke) return false;
  if (older.tenant != newer.tenant) return false;
  if (older.editor.known() || newer.editor.known()) return older.editor == newer.editor;
  const bool in_new_chats =
      older.typist_by == TypistEvidence::address && newer.typist_by == TypistEvidence::address;
  return in_new_chats && newer.typist.known() && older.typist == newer.typist &&
         goes_on(older.typed, newer.typed);
}

bool sends_it(const Ticket& chat, const Ticket& keystroke) {
  if (chat.request_class != RequestClass::chat) return false;
  if (keystroke.lane != Lane::keystroke || !keystroke.typist.known() || chat.tenant != keystroke.tenant)
    return false;
  if (keystroke.typist_by == TypistEvidence::header) return chat.typist == keystroke.typist;
  const bool in_new_chat = keystroke.typist_by == TypistEvidence::address;
  if ((in_new_chat ? chat.newcomer : chat.typist) != keystroke.typist) return false;
  for (std::string_view rest = chat.typed; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (goes_on(keystroke.typed, rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace tasklane
