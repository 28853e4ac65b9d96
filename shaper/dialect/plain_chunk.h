// The commonest objects of an answer, taken in without a tree of them: nearly each line of a long answer is
// one, and whoever wants its figures alone has no use for more.
#pragma once

#include <memory>
#include <string_view>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

// Keeps the parser's memory from each text to the next. Not thread-safe.
class PlainChunks {
 public:
  PlainChunks();
  ~PlainChunks();
  PlainChunks(PlainChunks&&) noexcept;
  PlainChunks& operator=(PlainChunks&&) noexcept;

  // Takes in what such an object says: Ollama's where it holds single values beside its text, another's where
  // it holds a piece of text and nothing that its end, its figures, an error or the server's word on itself
  // would be read from. False, and nothing is taken: it holds more, or is no object; whoever makes a tree of
  // it will see. Only for an intake that keeps no text.
  bool take(std::string_view text, Dialect dialect, AnswerIntake& intake);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;  // from the first text on
};

}  // namespace tasklane
