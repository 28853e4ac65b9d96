#include "shaper/dialect/response_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "shaper/http/request_head.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_line = 1u << 20;
constexpr std::size_t longest_object = 16u << 20;

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Finds the value of the top-level key "model" in a JSON object by walking its bytes. Strings are skipped
// whole, so that nothing inside them is taken for structure.
class ModelFinder {
 public:
  explicit ModelFinder(std::string_view text) : text_(text) {}

  // The last one, as parsers take it; nothing where the text is no object or the value no string.
  std::optional<Span> find() {
    std::optional<Span> found;
    skip_space();
    if (!take('{')) return found;
    for (;;) {
      skip_space();
      const std::optional<Span> key = string();
      if (!key) return found;
      skip_space();
      if (!take(':')) return found;
      skip_space();
      const bool is_model = text_.substr(key->begin, key->end - key->begin) == "\"model\"";
      const std::size_t begin = at_;
      if (!value()) return found;
      if (is_model && text_[begin] == '"') found = Span{begin, at_};
      skip_space();
      if (!take(',')) return found;
    }
  }

 private:
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::optional<Span> string() {
    const std::size_t begin = at_;
    if (!take('"')) return std::nullopt;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (!take('"')) return std::nullopt;
    return Span{begin, at_};
  }
  bool value() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return false;
        if (depth == 0) return true;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') {
        if (depth == 0) return true;  // the object's own end, behind a number or a word
        if (--depth == 0) {
          ++at_;
          return true;
        }
      }
      if (c == ',' && depth == 0) return true;
      ++at_;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string with_model(std::string_view object, std::string_view model_json) {
  const std::optional<Span> span = ModelFinder(object).find();
  if (!span) return std::string(object);
  return std::string(object.substr(0, span->begin)).append(model_json).append(object.substr(span->end));
}

}  // namespace

AnswerFormat answer_format_of(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (equal_names(type, "application/json")) return AnswerFormat::json;
  if (equal_names(type, "application/x-ndjson") || equal_names(type, "application/ndjson"))
    return AnswerFormat::ndjson;
  if (equal_names(type, "text/event-stream")) return AnswerFormat::sse;
  return AnswerFormat::opaque;
}

ResponseModel::ResponseModel(AnswerFormat format, std::string client_model)
    : format_(format),
      model_json_(nlohmann::json(std::move(client_model))
                      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)),
      passing_(format == AnswerFormat::opaque) {}

std::string ResponseModel::line(std::string_view text) const {
  if (format_ != AnswerFormat::sse) return with_model(text, model_json_);
  constexpr std::string_view field = "data:";
  if (!text.starts_with(field)) return std::string(text);
  return std::string(field) + with_model(text.substr(field.size()), model_json_);
}

std::string ResponseModel::feed(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t newline = format_ == AnswerFormat::sse || format_ == AnswerFormat::ndjson
                                    ? bytes.find('\n')
                                    : std::string_view::npos;
    const bool complete = newline != std::string_view::npos;
    const std::string_view piece = complete ? bytes.substr(0, newline + 1) : bytes;
    bytes.remove_prefix(piece.size());
    if (passing_)
      out += piece;
    else
      held_ += piece;
    if (held_.size() > (format_ == AnswerFormat::json ? longest_object : longest_line)) {
      passing_ = true;
      out += held_;
      held_.clear();
    }
    if (!complete) continue;
    if (!held_.empty()) out += line(std::exchange(held_, {}));
    passing_ = false;  // it was for the rest of this line
  }
  return out;
}

std::string ResponseModel::finish() {
  if (held_.empty()) return {};
  return line(std::exchange(held_, {}));
}

}  // namespace tasklane
