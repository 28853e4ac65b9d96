// The commonest object of a streamed answer, told from the others without a tree of it: nearly each line of a
// long answer is one, and whoever wants its figures alone has no use for them.
#pragma once

#include <memory>
#include <string_view>

#include "shaper/dialect/endpoint.h"

namespace tasklane {

// Keeps the parser's memory from each text to the next. Not thread-safe.
class PlainChunks {
 public:
  PlainChunks();
  ~PlainChunks();
  PlainChunks(PlainChunks&&) noexcept;
  PlainChunks& operator=(PlainChunks&&) noexcept;

  // Whether the object holds a piece of the answer's text and nothing that its end, its figures, an error or
  // the server's word on itself would be read from. False in doubt, and for what is no object.
  bool holds_only_text(std::string_view text, Dialect dialect);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;  // from the first text on
};

}  // namespace tasklane
