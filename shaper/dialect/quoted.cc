#include "shaper/dialect/quoted.h"

#include <algorithm>
#include <array>
#include <string>

#include "shaper/base/find_last.h"
#include "shaper/base/trimmed.h"

namespace tasklane {
namespace {

constexpr std::string_view history_open = "<chat_history>";
constexpr std::string_view history_close = "</chat_history>";

constexpr std::string_view speaker = "USER: ";
constexpr std::array<std::string_view, 4> next_speakers{
    "\nASSISTANT: ", "\nUSER: ", "\nSYSTEM: ", "\nTOOL: "};

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
  const std::size_t begin = find_last(text, open);
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

}  // namespace

std::string_view prompt_text(const BodyFacts& body) {
  for (auto message = body.messages.rbegin(); message != body.messages.rend(); ++message)
    if (message->role == Role::user) return message->text;
  return {};
}

std::string_view quoted_history(std::string_view prompt) {
  const std::size_t close = find_last(prompt, history_close);
  if (close == std::string_view::npos) return {};
  // The opening that a line break or a speaker follows; a template may speak of the mark before it.
  const std::string_view before = prompt.substr(0, close);
  std::size_t open = before.find(std::string(history_open) + "\n");
  if (open == std::string_view::npos) open = before.find(history_open);
  if (open == std::string_view::npos) return {};
  return before.substr(open + history_open.size());
}

std::optional<std::string_view> quoted_user_text(const BodyFacts& body, WhichMessage which) {
  const std::string_view prompt = prompt_text(body);
  const std::string_view history = quoted_history(prompt);
  const std::string_view where = history.data() == nullptr ? prompt : history;
  // Before 0.4 the current message stands outside the history.
  if (history.data() == nullptr) {
    if (const auto message = between(prompt, frames[0].open, frames[0].close)) return trimmed(*message);
  }
  if (const auto at = speaks_at(where, which)) {
    const std::string_view message = trimmed(until_next_speaker(where.substr(*at)));
    if (!message.empty()) return message;
  }
  for (const Frame& frame : frames) {
    const auto message = between(prompt, frame.open, frame.close);
    if (message && !trimmed(*message).empty()) return trimmed(*message);
  }
  return std::nullopt;
}

std::optional<std::string_view> said_first(std::string_view conversation) {
  const auto at = speaks_at(conversation, WhichMessage::first);
  if (!at) return std::nullopt;
  const std::string_view message = trimmed(until_next_speaker(conversation.substr(*at)));
  return message.empty() ? std::nullopt : std::optional(message);
}

std::optional<Typed> typed_text(const BodyFacts& body) {
  const std::string_view prompt = prompt_text(body);
  const std::size_t close = find_last(prompt, "</text>");
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view before = prompt.substr(0, close);
  // The line that a template's <type> precedes, for the typed text may itself hold "<text>".
  constexpr std::string_view open = "<text>";
  std::size_t begin = find_last(before, "\n<text>");
  if (begin != std::string_view::npos) ++begin;
  if (begin == std::string_view::npos) begin = find_last(before, open);
  if (begin == std::string_view::npos) return std::nullopt;
  Typed typed;
  typed.text = before.substr(begin + open.size());
  const std::string_view head = before.substr(0, begin);
  if (const auto type = between(head, "<type>", "</type>")) typed.type = trimmed(*type);
  return typed;
}

}  // namespace tasklane
