// A JSON text with its positions: errors in a configuration name the line they stand on.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/base/result.h"

namespace tasklane {

class JsonText {
 public:
  // Error: no JSON, nested past all reason, or a key that stands twice in one object (one of the two would be
  // lost without a word; all such keys, a line each).
  static Result<JsonText> parse(std::string_view text, std::string_view source);

  [[nodiscard]] const nlohmann::json& value() const { return value_; }
  [[nodiscard]] const std::string& source() const { return source_; }
  // "source:line:column" of the value that a JSON pointer (RFC 6901) names, or of the text's start.
  [[nodiscard]] std::string position(const std::string& pointer) const;

 private:
  JsonText(std::string_view text, std::string_view source) : text_(text), source_(source) {}
  [[nodiscard]] std::string at(std::size_t offset) const;
  [[nodiscard]] Error twice(const std::vector<std::pair<std::string, std::size_t>>& keys) const;

  std::string text_;
  std::string source_;
  nlohmann::json value_;
  std::map<std::string, std::size_t> offsets_;  // by pointer
};

// "a/b~c" as a reference token of a JSON pointer.
std::string pointer_token(std::string_view key);

// A JSON pointer for a message: each of its keys as shown_value() shows it, for a url may stand as a key.
std::string shown_pointer(std::string_view pointer);

}  // namespace tasklane
