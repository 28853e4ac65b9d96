#include "shaper/observe/answer_watch.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace tasklane::observe {
namespace {

constexpr std::size_t longest_line = std::size_t{4} << 20U;
constexpr ByteSize longest_answer{8ULL << 20U};

// What a line must hold to say more than another piece of text.
constexpr std::array<std::string_view, 7> tells{"\"usage\"", "\"timings\"", "\"done\":true", "\"done\": true",
                                                "error",     "[DONE]",      "_count"};

// Their figures stand in events that are few: they are read here, in a stream and without.
bool read_here(Dialect dialect) {
  return dialect == Dialect::openai_responses || dialect == Dialect::anthropic_messages ||
         dialect == Dialect::none;
}

bool may_tell(std::string_view line) {
  return std::any_of(tells.begin(), tells.end(),
                     [&](std::string_view each) { return line.find(each) != std::string_view::npos; });
}

bool is_stream(std::string_view content_type) {
  return content_type.starts_with("text/event-stream") || content_type.starts_with("application/x-ndjson") ||
         content_type.starts_with("application/stream+json");
}

void read_count(std::optional<std::uint64_t>& into, const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  if (found != from.end() && found->is_number_unsigned()) into = found->get<std::uint64_t>();
}

// OpenAI's responses tell the cached tokens as part of the input, Anthropic's messages beside it.
void read_usage(const nlohmann::json& usage, UpstreamFigures& figures) {
  if (!usage.is_object()) return;
  std::optional<std::uint64_t> input, read, made;
  read_count(input, usage, "input_tokens");
  read_count(figures.generated_tokens, usage, "output_tokens");
  if (const auto details = usage.find("input_tokens_details"); details != usage.end() && details->is_object())
    read_count(figures.cached_tokens, *details, "cached_tokens");
  read_count(read, usage, "cache_read_input_tokens");
  read_count(made, usage, "cache_creation_input_tokens");
  if (read) figures.cached_tokens = read;
  if (input) figures.prompt_tokens = *input + read.value_or(0) + made.value_or(0);
}

}  // namespace

AnswerWatch::AnswerWatch(Dialect dialect, std::string_view content_type, bool readable)
    : readable_(readable),
      streams_(is_stream(content_type)),
      others_(read_here(dialect)),
      assembler_(others_ ? Dialect::openai_chat : dialect, Keep::figures, longest_answer) {}

void AnswerWatch::feed(std::string_view bytes, Time now) {
  if (bytes.empty()) return;
  if (!first_byte_) first_byte_ = now;
  if (!readable_) return;
  if (streams_) return lines(bytes, now);
  if (!others_) return assembler_.feed(bytes);
  if (held_.size() + bytes.size() <= longest_answer.bytes) held_ += bytes;
}

void AnswerWatch::lines(std::string_view bytes, Time now) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (end != std::string_view::npos && held_.empty() && !skipping_) {
      line(part, now);
    } else {
      if (held_.size() + part.size() > longest_line) skipping_ = true;
      if (skipping_)
        held_.clear();
      else
        held_ += part;
      if (end != std::string_view::npos) {
        const std::string whole = std::exchange(held_, {});
        if (!std::exchange(skipping_, false)) line(whole, now);
      }
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

void AnswerWatch::line(std::string_view text, Time now) {
  if (text.size() < 2) return;
  if (first_token_ && !may_tell(text)) return;
  if (others_) {
    if (text.starts_with("data:")) other_event(text.substr(5));
  } else {
    assembler_.feed(text);
    assembler_.feed("\n");
  }
  if (!first_token_ && has_text()) first_token_ = now;
}

// Responses: response.output_text.delta and its like, then response.completed with the usage. Messages:
// message_start with the prompt's, content_block_delta, message_delta with the answer's.
void AnswerWatch::other_event(std::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  const std::string type =
      json.contains("type") && json["type"].is_string() ? json["type"] : nlohmann::json("");
  if (type.ends_with(".delta") || type == "content_block_delta") other_text_ = true;
  if (type == "error" || type == "response.failed") other_failed_ = true;
  for (const char* const holder : {"response", "message"})
    if (const auto found = json.find(holder); found != json.end() && found->is_object())
      if (const auto usage = found->find("usage"); usage != found->end()) read_usage(*usage, other_figures_);
  if (const auto usage = json.find("usage"); usage != json.end()) read_usage(*usage, other_figures_);
}

void AnswerWatch::finish(bool clean) {
  if (!readable_) return;
  if (streams_ && !held_.empty() && !skipping_) line(std::exchange(held_, {}), first_byte_.value_or(Time{}));
  if (!others_) return assembler_.finish(clean);
  if (!streams_ && !held_.empty()) other_event(std::exchange(held_, {}));
}

std::optional<Time> AnswerWatch::first_token() const {
  if (!streams_ || first_token_) return streams_ ? first_token_ : first_byte_;
  return std::nullopt;
}

const UpstreamFigures& AnswerWatch::figures() const {
  return others_ ? other_figures_ : assembler_.figures();
}

bool AnswerWatch::failed() const {
  return readable_ && (others_ ? other_failed_ : assembler_.state() == StreamState::failed);
}

}  // namespace tasklane::observe
