// Texts of HTTP messages replaced by letters without a meaning, byte for byte: what a server or an observer
// must read (framing, protocol keys, roles, models, figures) stays, what a person wrote does not.
//
// In requests, letters come from a keyed hash of the whole line that they stand for: equal lines are replaced
// alike, so that a task's prompt still quotes its chat, and nothing of a line can be told from its
// replacement but its length. In answers every letter is an x, for their pieces are single words.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/classify/text_print.h"

namespace tasklane::observe {

// Parts of a text that stay, as {begin, end}.
using Spans = std::vector<std::pair<std::size_t, std::size_t>>;

class TextRedactor {
 public:
  explicit TextRedactor(const TextHasher& hasher) : hasher_(hasher) {}

  // A head from its first line to the empty one, or the beginning of one.
  void head(std::string& text, std::size_t begin, std::size_t end) const;
  // JSON values, one behind the other with anything that is no string between them: a body, or lines of a
  // stream. `stays` says what stays of a prompt's decoded text; null: an answer.
  void json(std::string& text, std::size_t begin, std::size_t end,
            const std::function<Spans(std::string_view)>& stays) const;
  // Every byte that is not white space.
  static void all(std::string& text, std::size_t begin, std::size_t end);

 private:
  // A piece by itself; `escaped` as in a JSON string.
  void piece(std::string& text, std::size_t begin, std::size_t end, bool escaped) const;
  // Of a JSON string, every line by itself, but for what stays.
  void prompt(std::string& text, std::size_t begin, std::size_t end,
              const std::function<Spans(std::string_view)>& stays) const;

  const TextHasher& hasher_;
};

// The words that front ends write around what people say: they stay in every prompt.
Spans frames_in(std::string_view prompt);

}  // namespace tasklane::observe
