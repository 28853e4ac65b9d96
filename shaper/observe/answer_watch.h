// An answer as it passes by: when its first token came, and what the server says of its work. In every
// dialect, streamed or not; no text is kept. The lines of a stream that cannot say anything new are not read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/time.h"
#include "shaper/dialect/assemble.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane::observe {

class AnswerWatch {
 public:
  // `readable`: false where its body is packed, or no answer of a model's.
  AnswerWatch(Dialect dialect, std::string_view content_type, bool readable);

  void feed(std::string_view bytes, Time now);
  void finish(bool clean);

  [[nodiscard]] std::optional<Time> first_byte() const { return first_byte_; }  // of the body
  // Of a stream: its first text, thoughts and tool calls too. Of another: as the first byte.
  [[nodiscard]] std::optional<Time> first_token() const;
  [[nodiscard]] const UpstreamFigures& figures() const;
  // It holds an error in place of an answer, or in the middle of one.
  [[nodiscard]] bool failed() const;

 private:
  void lines(std::string_view bytes, Time now);
  void line(std::string_view text, Time now);
  void other_event(std::string_view json);
  [[nodiscard]] bool has_text() const { return others_ ? other_text_ : assembler_.any_text(); }

  bool readable_;
  bool streams_;
  bool others_;  // a dialect that is read here
  AnswerAssembler assembler_;
  std::string held_;  // the beginning of a line, or a whole JSON answer
  bool skipping_ = false;
  UpstreamFigures other_figures_;
  bool other_text_ = false;
  bool other_failed_ = false;
  std::optional<Time> first_byte_, first_token_;
};

}  // namespace tasklane::observe
