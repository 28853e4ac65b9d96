#include "shaper/base/json_text.h"

#include <algorithm>
#include <utility>

namespace tasklane {
namespace {

// Walks a text that is known to be JSON and notes where each value begins.
class Positions {
 public:
  explicit Positions(std::string_view text) : text_(text) {}

  std::map<std::string, std::size_t> offsets;
  std::vector<std::pair<std::string, std::size_t>> duplicates;

  void walk(const std::string& pointer) {
    skip_space();
    offsets.emplace(pointer, at_);
    switch (text_[at_]) {
      case '{':
        return members(pointer);
      case '[':
        return elements(pointer);
      case '"':
        string();
        return;
      default:
        at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
  }

 private:
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  // Whether another member or element follows; steps behind the comma or the closing bracket.
  bool next() {
    skip_space();
    return text_[at_++] == ',';
  }
  std::string string() {
    const std::size_t begin = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return nlohmann::json::parse(text_.substr(begin, at_ - begin)).get<std::string>();
  }
  bool empty(char close) {
    ++at_;
    skip_space();
    if (text_[at_] != close) return false;
    ++at_;
    return true;
  }
  void members(const std::string& pointer) {
    if (empty('}')) return;
    do {
      skip_space();
      const std::size_t key_at = at_;
      const std::string member = pointer + "/" + pointer_token(string());
      if (offsets.contains(member)) duplicates.emplace_back(member, key_at);
      skip_space();
      ++at_;  // the colon
      walk(member);
    } while (next());
  }
  void elements(const std::string& pointer) {
    if (empty(']')) return;
    std::size_t index = 0;
    do walk(pointer + "/" + std::to_string(index++));
    while (next());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string pointer_token(std::string_view key) {
  std::string token;
  for (const char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

std::string JsonText::at(std::size_t offset) const {
  const std::string_view before = std::string_view(text_).substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return source_ + ":" + std::to_string(line) + ":" + std::to_string(offset - line_begin + 1);
}

std::string JsonText::position(const std::string& pointer) const {
  const auto found = offsets_.find(pointer);
  return at(found == offsets_.end() ? 0 : found->second);
}

Result<JsonText> JsonText::parse(std::string_view text, std::string_view source) {
  JsonText json(text, source);
  try {
    json.value_ = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = error.byte == 0 ? 0 : error.byte - 1;
    std::string what = error.what();
    if (const auto colon = what.find(": "); colon != std::string::npos) what = what.substr(colon + 2);
    return Error{"not JSON: " + what, json.at(std::min(offset, json.text_.size())),
                 "look for a missing comma, quote or bracket there"};
  }
  Positions positions(json.text_);
  positions.walk("");
  json.offsets_ = std::move(positions.offsets);
  if (!positions.duplicates.empty()) {
    const auto& [pointer, offset] = positions.duplicates.front();
    return Error{"the key " + pointer + " stands twice in one object", json.at(offset),
                 "keep one of the two"};
  }
  return json;
}

}  // namespace tasklane
