#include "shaper/base/json_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "shaper/base/shown.h"

namespace tasklane {
namespace {

// Far more than anyone writes by hand; what walks a value may then call itself.
constexpr std::size_t deepest = 100;

// Where a text stops being JSON. The parser's exceptions do not tell it for a number out of range.
class FirstError : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::size_t offset = 0;
  std::string what;

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return true; }
  bool key(string_t& /*name*/) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t /*size*/) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    offset = position == 0 ? 0 : position - 1;
    what = error.what();
    // Without "[json.exception.parse_error.101] parse error at line 1, column 2: ".
    if (const auto bracket = what.find("] "); bracket != std::string::npos) what.erase(0, bracket + 2);
    if (what.starts_with("parse error at"))
      if (const auto colon = what.find(": "); colon != std::string::npos) what.erase(0, colon + 2);
    // Of a text that breaks off in the middle nobody sees any more whether a password stands in it.
    if (const auto read = what.find("; last read: '\""); read != std::string::npos) what.erase(read);
    return false;
  }
};

// Walks a text that is known to be JSON and notes where each value begins.
class Positions {
 public:
  explicit Positions(std::string_view text) : text_(text) {}

  std::map<std::string, std::size_t> offsets;
  std::optional<std::size_t> too_deep;
  std::vector<std::pair<std::string, std::size_t>> duplicates;

  void walk(const std::string& pointer) {
    skip_space();
    offsets.emplace(pointer, at_);
    if (depth_ == deepest) too_deep = at_;
    if (too_deep) return;
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
      walk_inside(member);
    } while (!too_deep && next());
  }
  void elements(const std::string& pointer) {
    if (empty(']')) return;
    std::size_t index = 0;
    do walk_inside(pointer + "/" + std::to_string(index++));
    while (!too_deep && next());
  }
  void walk_inside(const std::string& pointer) {
    ++depth_;
    walk(pointer);
    --depth_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
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

std::string shown_pointer(std::string_view pointer) {
  std::string all;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // the slash
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    std::string key;
    for (std::size_t i = 0; i < token.size(); ++i) {
      const bool escape = token[i] == '~' && i + 1 < token.size();
      key += !escape ? token[i] : token[++i] == '1' ? '/' : '~';
    }
    all += "/" + pointer_token(shown_value(key));
  }
  return shown(all);
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
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  JsonText json(text, source);
  FirstError error;
  if (!nlohmann::json::sax_parse(text, &error))
    return Error{"not JSON: " + shown_message(error.what), json.at(std::min(error.offset, json.text_.size())),
                 "look for a missing comma, quote or bracket there"};
  Positions positions(json.text_);
  positions.walk("");
  if (positions.too_deep)
    return Error{"nested deeper than " + std::to_string(deepest) + " levels", json.at(*positions.too_deep),
                 "nothing in Tasklane's files needs that"};
  if (!positions.duplicates.empty()) return json.twice(positions.duplicates);
  json.offsets_ = std::move(positions.offsets);
  json.value_ = nlohmann::json::parse(text);
  return json;
}

Error JsonText::twice(const std::vector<std::pair<std::string, std::size_t>>& keys) const {
  Error error;
  for (const auto& [pointer, offset] : keys)
    error.what += (error.what.empty() ? "" : "\n") + at(offset) + ": the key " + shown_pointer(pointer) +
                  " stands twice in one object (keep one of the two)";
  return error;
}

}  // namespace tasklane
