#include "shaper/classify/shown_object.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace tasklane {
namespace {

constexpr std::size_t longest_string = 4096;
constexpr int deepest = 16;

struct Quotes {
  std::string_view open;
  std::string_view close;
};
// An escaped quote before a plain one, for a template may itself be a JSON string.
constexpr std::array<Quotes, 9> quotes{{{"\\\"", "\\\""},
                                        {"\"", "\""},
                                        {"'", "'"},
                                        {"`", "`"},
                                        {"\u201c", "\u201d"},
                                        {"\u201d", "\u201d"},
                                        {"\u201e", "\u201c"},
                                        {"\u00ab", "\u00bb"},
                                        {"\u300c", "\u300d"}}};

constexpr std::string_view blank = " \t\r\n";

class Reader {
 public:
  Reader(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  [[nodiscard]] std::size_t at() const { return at_; }

  // Stands at '{'. Nothing where no quoted key follows; an object that is not `whole` where it breaks off.
  std::optional<ShownObject> object(int depth) {
    ShownObject shown;
    ++at_;
    while (depth < deepest) {
      skip_blank();
      if (next_is('}')) {
        ++at_;
        shown.whole = true;
        return shown;
      }
      const auto name = string(":");
      if (!name) break;
      skip_blank();
      if (!next_is(':')) break;
      ++at_;
      skip_blank();
      shown.keys.push_back({*name, value(depth + 1)});
      skip_blank();
      if (next_is(','))
        ++at_;
      else if (!next_is('}'))
        break;
    }
    if (shown.keys.empty()) return std::nullopt;
    return shown;
  }

 private:
  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(std::min(at_, text_.size())); }
  void skip_blank() { at_ = std::min(text_.find_first_not_of(blank, at_), text_.size()); }

  // A quote closes a string where one of `behind` follows: people put quotes into quotes.
  std::optional<std::string_view> string(std::string_view behind) {
    for (const Quotes& pair : quotes) {
      if (!rest().starts_with(pair.open)) continue;
      const std::size_t begin = at_ + pair.open.size();
      for (std::size_t end = text_.find(pair.close, begin);
           end != std::string_view::npos && end - begin <= longest_string;
           end = text_.find(pair.close, end + pair.close.size())) {
        const std::size_t after = text_.find_first_not_of(blank, end + pair.close.size());
        const bool closes =
            after != std::string_view::npos && behind.find(text_[after]) != std::string_view::npos;
        if (!closes) continue;
        at_ = end + pair.close.size();
        return text_.substr(begin, end - begin);
      }
      return std::nullopt;
    }
    return std::nullopt;
  }

  ShownType value(int depth) {
    if (next_is('[')) return array(depth);
    if (next_is('{')) {
      object(depth);
      return ShownType::other;
    }
    if (string(",}]")) return ShownType::text;
    return bare();
  }

  ShownType array(int depth) {
    ++at_;
    bool texts = true;
    bool objects = true;
    for (;;) {
      skip_blank();
      if (next_is(',')) {
        ++at_;
        continue;
      }
      if (next_is(']')) {
        ++at_;
        return texts ? ShownType::texts : objects ? ShownType::objects : ShownType::other;
      }
      if (at_ >= text_.size() || depth >= deepest) return ShownType::other;
      const std::size_t before = at_;
      const bool is_object = next_is('{');
      const ShownType type = value(depth + 1);
      if (at_ == before) return ShownType::other;
      objects = objects && is_object;
      texts = texts && type == ShownType::text;
    }
  }

  // `...`, `<title>`, `string`, a number.
  ShownType bare() {
    const std::size_t end = std::min(text_.find_first_of(",]}\n{", at_), text_.size());
    std::string_view word = text_.substr(at_, end - at_);
    word = word.substr(0, word.find_last_not_of(blank) + 1);
    if (word.ends_with("[") && end < text_.size() && text_[end] == ']') {  // string[]
      at_ = end + 1;
      return ShownType::texts;
    }
    at_ = end;
    const bool placeholder = word.starts_with("...") || word.starts_with("\u2026") || word.starts_with('<') ||
                             word == "string" || word == "str";
    return placeholder ? ShownType::text : ShownType::other;
  }

  std::string_view text_;
  std::size_t at_;
};

// "[{", or in words.
bool opens_in_list(std::string_view before) {
  const std::size_t last = before.find_last_not_of(blank);
  if (last == std::string_view::npos) return false;
  before = before.substr(0, last + 1);
  if (before.ends_with('[')) return true;
  std::string near(before.substr(before.size() - std::min<std::size_t>(before.size(), 24)));
  std::transform(near.begin(), near.end(), near.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return near.ends_with("array of") || near.ends_with("list of") || near.ends_with("array of objects:") ||
         near.ends_with("list of objects:") || near.ends_with("array of objects") ||
         near.ends_with("list of objects");
}

bool behind_comma(std::string_view before) {
  const std::size_t last = before.find_last_not_of(blank);
  return last != std::string_view::npos && before[last] == ',';
}

ShownType type_of(std::string_view key) {
  if (key == "title" || key == "text" || key == "prompt") return ShownType::text;
  if (key == "tags" || key == "follow_ups" || key == "queries") return ShownType::texts;
  if (key == "tool_calls" || key == "operations") return ShownType::objects;
  return ShownType::other;
}

}  // namespace

std::vector<ShownObject> shown_objects(std::string_view text) {
  std::vector<ShownObject> list;
  std::size_t behind = 0;  // the last object
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at)) {
    Reader reader(text, at);
    std::optional<ShownObject> shown = reader.object(0);
    if (!shown || (shown->keys.empty() && shown->whole)) {
      ++at;
      continue;
    }
    const std::string_view before = text.substr(behind, at - behind);
    shown->in_array =
        opens_in_list(text.substr(0, at)) || (!list.empty() && list.back().in_array && behind_comma(before));
    list.push_back(std::move(*shown));
    at = std::max(at + 1, reader.at());
    behind = at;
  }
  return list;
}

bool has_type_of(const ShownKey& key) {
  const ShownType wanted = type_of(key.name);
  if (wanted == ShownType::other || wanted == key.type) return true;
  return wanted == ShownType::objects && key.type == ShownType::texts;  // "[]", "[...]"
}

bool asks_exactly(std::string_view text, std::string_view key) {
  bool shown = false;
  for (const ShownObject& object : shown_objects(text)) {
    const bool has = std::any_of(object.keys.begin(), object.keys.end(),
                                 [&](const ShownKey& each) { return each.name == key; });
    if (!has) continue;
    if (object.keys.size() != 1 || object.in_array || !object.whole || !has_type_of(object.keys.front()))
      return false;
    shown = true;
  }
  return shown;
}

}  // namespace tasklane
