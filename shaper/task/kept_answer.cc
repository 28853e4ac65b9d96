#include "shaper/task/kept_answer.h"

#include <string_view>

#include "shaper/base/trimmed.h"
#include "shaper/dialect/assemble.h"
#include "shaper/dialect/thoughts.h"

namespace tasklane {
namespace {

std::string words_of(std::string_view bytes, Dialect dialect) {
  AnswerAssembler said(dialect);
  said.feed(bytes);
  said.finish();
  const bool plain = said.state() == StreamState::complete && said.answer().tool_calls.empty();
  if (!plain) return {};
  const std::string& content = said.answer().content;
  const std::string_view text = behind_thoughts(content);
  return std::string(text.size() < content.size() ? trimmed(text) : text);
}

}  // namespace

const std::string& KeptAnswer::words() const {
  if (!bytes_.empty()) words_ = words_of(std::exchange(bytes_, {}), dialect_);
  return words_;
}

}  // namespace tasklane
