#include "shaper/dialect/plain_chunk.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

namespace tasklane {
namespace {

namespace dom = simdjson::dom;

bool is_scalar(const dom::element& value) { return !value.is_object() && !value.is_array(); }

bool is_empty_text(const dom::element& value) {
  return value.is_null() || (value.is_string() && value.get_string().value_unsafe().empty());
}

bool is_one_of(std::string_view key, const auto& names) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

// A message or its delta. Tool calls and whatever else has parts are no text.
bool is_plain_message(const dom::element& value) {
  if (!value.is_object()) return false;
  const dom::object members = value.get_object().value_unsafe();
  return std::all_of(members.begin(), members.end(),
                     [](const auto& member) { return is_scalar(member.value); });
}

bool is_plain_ollama(const dom::object& root) {
  constexpr std::array<std::string_view, 4> texts{"model", "created_at", "response", "thinking"};
  return std::all_of(root.begin(), root.end(), [&](const auto& member) {
    if (member.key == "message") return is_plain_message(member.value);
    if (member.key == "done") return member.value.is_bool() && !member.value.get_bool().value_unsafe();
    return is_one_of(member.key, texts) && is_scalar(member.value);
  });
}

bool is_plain_choice(const dom::element& value) {
  if (!value.is_object()) return false;
  const dom::object choice = value.get_object().value_unsafe();
  return std::all_of(choice.begin(), choice.end(), [](const auto& member) {
    if (member.key == "delta" || member.key == "message") return is_plain_message(member.value);
    if (member.key == "finish_reason") return is_empty_text(member.value);
    return is_scalar(member.value);
  });
}

bool is_plain_openai(const dom::object& root) {
  constexpr std::array<std::string_view, 6> names{"id",           "object",      "created",
                                                  "service_tier", "obfuscation", "system_fingerprint"};
  bool has_choices = false;
  const bool plain = std::all_of(root.begin(), root.end(), [&](const auto& member) {
    const dom::element& value = member.value;
    if (member.key == "choices") {
      if (!value.is_array()) return false;
      has_choices = true;
      const dom::array choices = value.get_array().value_unsafe();
      return std::all_of(choices.begin(), choices.end(), is_plain_choice);
    }
    // An empty one is how Ollama's /v1 says that its runner died.
    if (member.key == "model") return value.is_string() && !is_empty_text(value);
    if (member.key == "usage") return value.is_null();
    return is_one_of(member.key, names) && is_scalar(value);
  });
  return plain && has_choices;
}

}  // namespace

struct PlainChunks::Parser {
  dom::parser dom_parser;
};

PlainChunks::PlainChunks() = default;
PlainChunks::~PlainChunks() = default;
PlainChunks::PlainChunks(PlainChunks&&) noexcept = default;
PlainChunks& PlainChunks::operator=(PlainChunks&&) noexcept = default;

bool PlainChunks::holds_only_text(std::string_view text, Dialect dialect) {
  if (text.empty()) return false;
  if (parser_ == nullptr) parser_ = std::make_unique<Parser>();
  dom::object root;
  if (parser_->dom_parser.parse(text.data(), text.size()).get_object().get(root)) return false;
  const DialectFamily family = dialect_row(dialect).family;
  if (family == DialectFamily::ollama) return is_plain_ollama(root);
  return family == DialectFamily::openai && is_plain_openai(root);
}

}  // namespace tasklane
