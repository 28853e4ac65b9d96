// A chat's answer as it is kept beside its prompt: put together from what the server sent only once somebody
// asks for its words, for most chats are followed by nothing that does. In memory alone. Not thread-safe.
#pragma once

#include <string>
#include <utility>

#include "shaper/dialect/endpoint.h"

namespace tasklane {

class KeptAnswer {
 public:
  KeptAnswer() = default;
  explicit KeptAnswer(std::string words) : words_(std::move(words)) {}
  // `bytes`: the body of a whole answer in this dialect, streamed or not.
  KeptAnswer(std::string bytes, Dialect dialect) : bytes_(std::move(bytes)), dialect_(dialect) {}

  // As the front end sends it with the next turn: without thoughts. Empty where it is not one text. Takes
  // milliseconds for a megabyte, the first time.
  [[nodiscard]] const std::string& words() const;

 private:
  mutable std::string words_;
  mutable std::string bytes_;  // not put together yet
  Dialect dialect_ = Dialect::none;
};

}  // namespace tasklane
