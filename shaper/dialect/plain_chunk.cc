#include "shaper/dialect/plain_chunk.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>

#include "shaper/dialect/ollama_figures.h"

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

bool is_text(const dom::element& value) {
  return value.is_string() && !value.get_string().value_unsafe().empty();
}

// One object of Ollama's as it is read; of a member that stands twice the last holds, as in a tree.
class PlainOllama {
 public:
  explicit PlainOllama(bool chat) : chat_(chat) {}

  // False: a tool call, an error or whatever else has parts.
  bool read(const dom::object& root) {
    return std::all_of(root.begin(), root.end(), [&](const auto& member) {
      if (member.key == "message") return read_message(member.value);
      if (member.key == "error" || !is_scalar(member.value)) return false;
      read_scalar(member.key, member.value);
      return true;
    });
  }

  void give(AnswerIntake& intake) const {
    if (content_ || thinking_) intake.saw_text();
    intake.finish_reason(reason_);
    UpstreamFigures& figures = intake.answer().figures;
    for (const auto& [name, figure] : ollama_counts)
      if (figures_.*figure) figures.*figure = figures_.*figure;
    for (const auto& [name, figure] : ollama_times)
      if (figures_.*figure) figures.*figure = figures_.*figure;
    if (done_) intake.done();
  }

 private:
  bool read_message(const dom::element& value) {
    if (!is_plain_message(value)) return false;
    if (!chat_) return true;
    content_ = thinking_ = false;
    const dom::object members = value.get_object().value_unsafe();
    for (const auto& member : members) {
      if (member.key == "content") content_ = is_text(member.value);
      if (member.key == "thinking") thinking_ = is_text(member.value);
    }
    return true;
  }

  void read_scalar(std::string_view key, const dom::element& value) {
    if (key == "response" && !chat_) content_ = is_text(value);
    if (key == "thinking" && !chat_) thinking_ = is_text(value);
    if (key == "done_reason") reason_ = value.is_string() ? value.get_string().value_unsafe() : "";
    if (key == "done") done_ = value.is_bool() && value.get_bool().value_unsafe();
    const auto number = [&] { return value.is_number() ? value.get_double().value_unsafe() : -1; };
    for (const auto& [name, figure] : ollama_counts)
      if (key == name) figures_.*figure = count_of(number());
    for (const auto& [name, figure] : ollama_times)
      if (key == name) figures_.*figure = time_of(number(), ollama_time_unit);
  }

  bool chat_;
  bool content_ = false;  // there was some
  bool thinking_ = false;
  bool done_ = false;
  std::string_view reason_;
  UpstreamFigures figures_;
};

bool take_plain_ollama(const dom::object& root, Dialect dialect, AnswerIntake& intake) {
  PlainOllama object(dialect == Dialect::ollama_chat);
  if (!object.read(root)) return false;
  object.give(intake);
  return true;
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

bool PlainChunks::take(std::string_view text, Dialect dialect, AnswerIntake& intake) {
  const DialectFamily family = dialect_row(dialect).family;
  // Behind its first token a piece of text adds nothing to the figures.
  const bool adds_nothing = family == DialectFamily::openai && intake.any_text();
  if (text.empty() || (family != DialectFamily::ollama && !adds_nothing)) return false;
  if (parser_ == nullptr) parser_ = std::make_unique<Parser>();
  dom::object root;
  if (parser_->dom_parser.parse(text.data(), text.size()).get_object().get(root)) return false;
  const bool taken =
      family == DialectFamily::ollama ? take_plain_ollama(root, dialect, intake) : is_plain_openai(root);
  if (taken) intake.lost(false);
  return taken;
}

}  // namespace tasklane
