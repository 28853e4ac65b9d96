// How front ends write a conversation down in a prompt: what stands around its lines, and which words of a
// message are the person's own.
#pragma once

#include <string_view>

namespace tasklane {

inline constexpr std::string_view user_label = "USER: ";
inline constexpr std::string_view assistant_label = "ASSISTANT:";

// The first place of `label` at the start of a word, not before `from`; npos: there is none.
std::size_t find_label(std::string_view text, std::string_view label, std::size_t from = 0);

// Visits each such place.
template <class Visit>
void each_label(std::string_view text, std::string_view label, Visit visit) {
  for (std::size_t at = find_label(text, label); at != std::string_view::npos;
       at = find_label(text, label, at + label.size()))
    visit(at);
}

// Where a prompt says what it wants: before and behind the lines of a conversation that it holds.
struct PromptEnds {
  std::string_view before;
  std::string_view behind;
};
PromptEnds ends_of(std::string_view text);

// What stands behind the context that a front end retrieved for a message; empty where it has none.
std::string_view inner_question(std::string_view message);

// The person's own words in a message, which a front end may have wrapped in retrieved context.
std::string_view own_words(std::string_view message);

}  // namespace tasklane
