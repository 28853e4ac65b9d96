#include "shaper/base/json_place.h"

#include <algorithm>
#include <string>

namespace tasklane {
namespace {

// Walks valid JSON along one pointer; what is not on the way is skipped by counting brackets.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // From a value's first byte to the first byte of its member `token`; false where it has none.
  bool enter(std::string_view token) {
    skip_space();
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '{') return enter_object(token);
    if (text_[at_] == '[') return enter_array(token);
    return false;
  }

  std::size_t position() {
    skip_space();
    return at_;
  }

 private:
  bool enter_object(std::string_view token) {
    ++at_;
    while (next_member('}')) {
      const std::string_view key = string();
      skip_space();
      ++at_;  // the colon
      skip_space();
      if (key == token) return true;
      skip_value();
    }
    return false;
  }

  bool enter_array(std::string_view token) {
    ++at_;
    for (std::size_t index = 0; next_member(']'); ++index) {
      if (std::to_string(index) == token) return true;
      skip_value();
    }
    return false;
  }

  bool next_member(char end) {
    skip_space();
    if (at_ < text_.size() && text_[at_] == ',') ++at_;
    skip_space();
    return at_ < text_.size() && text_[at_] != end;
  }

  std::string_view string() {
    const std::size_t from = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    const std::string_view inside = text_.substr(from, at_ - from);
    ++at_;
    return inside;
  }

  void skip_value() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
  }

  void skip_space() {
    at_ = std::min(text_.size(), text_.find_first_not_of(" \t\r\n", std::min(at_, text_.size())));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unescape_token(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size())
      out.push_back(token[++i] == '1' ? '/' : '~');
    else
      out.push_back(token[i]);
  }
  return out;
}

}  // namespace

std::size_t line_at(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

std::size_t json_line(std::string_view text, std::string_view pointer) {
  Scanner scanner(text);
  std::size_t found = scanner.position();
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t slash = std::min(pointer.find('/'), pointer.size());
    if (!scanner.enter(unescape_token(pointer.substr(0, slash)))) break;
    found = scanner.position();
    pointer.remove_prefix(slash);
  }
  return line_at(text, found);
}

}  // namespace tasklane
