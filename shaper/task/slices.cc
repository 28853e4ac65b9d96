#include "shaper/task/slices.h"

#include <algorithm>
#include <array>
#include <utility>

#include "shaper/base/utf8.h"

namespace tasklane {
namespace {

// A word longer than this is cut in itself.
constexpr std::size_t longest_way_back = 200;

// The end of the last word that ends before `at`, after `floor`; else a character's start.
std::size_t word_end(std::string_view text, std::size_t floor, std::size_t at) {
  if (at >= text.size()) return text.size();
  const std::size_t lowest = std::max(floor, at - std::min(at, longest_way_back));
  for (std::size_t i = at; i > lowest; --i)
    if ((text[i] == ' ' || text[i] == '\n') && text[i - 1] != ' ' && text[i - 1] != '\n') return i;
  const std::size_t whole = utf8_floor(text, at);
  return whole > floor ? whole : text.size();
}

void prepare(OrderedJson& body, Dialect dialect) {
  for (const std::string_view key : {"format", "response_format", "grammar", "json_schema", "stop"})
    body.erase(key);
  set_token_limit(body, dialect, 1);
  ask_for_stream(body, dialect);
}

// All texts of the prompt but the last user message: they come with the first slice.
double tokens_around(const OrderedJson& body, const TokenEstimate& estimate) {
  double tokens = 0;
  for (const std::string_view key : {"messages", "system", "tools", "suffix"})
    if (const OrderedJson* value = member(body, key)) tokens += estimate.of(to_wire_json(*value));
  return tokens;
}

}  // namespace

std::optional<Slices> Slices::cut(OrderedJson body, Dialect dialect, const SliceOptions& options,
                                  const KnownPrefix& known) {
  Slices slices;
  slices.dialect_ = dialect;
  slices.prepared_ = std::move(body);
  std::string* text = last_user_text(slices.prepared_, dialect);
  if (text == nullptr) return std::nullopt;
  slices.text_ = std::exchange(*text, {});
  slices.beginning_ = KnownPrefix(slices.text_);
  slices.known_bytes_ = slices.beginning_.shared(known);
  prepare(slices.prepared_, dialect);

  const TokenEstimate estimate(options.bytes_per_token);
  double tokens = tokens_around(slices.prepared_, estimate);
  const double of_text = estimate.of(slices.text_);
  const double whole = tokens + of_text;
  slices.unread_tokens_ = estimate.of(std::string_view(slices.text_).substr(slices.known_bytes_));
  const double slice =
      std::max({1.0, static_cast<double>(options.slice_tokens),
                of_text / static_cast<double>(std::max<std::size_t>(options.most_slices, 1))});
  const double step = std::max(1.0, slice / static_cast<double>(std::max<std::size_t>(options.parts, 1)));
  double next = std::max({step, static_cast<double>(options.first_tokens), tokens + 1});
  std::size_t last = 0;
  for (std::size_t at = 0; at < slices.text_.size(); ++at) {
    tokens += estimate.of_byte(slices.text_[at]);
    if (at < slices.known_bytes_) next = std::max(next, tokens + step);
    if (tokens < next) continue;
    const std::size_t end = word_end(slices.text_, last, at + 1);
    // The rest that is less than half a part goes with the whole.
    if (end >= slices.text_.size() || whole - tokens < step / 2) break;
    slices.ends_.push_back({end, static_cast<std::size_t>(tokens)});
    last = end;
    next = tokens + step;
  }
  return slices;
}

std::optional<std::size_t> Slices::next(std::size_t asked, std::size_t step) const {
  if (asked + step > count()) return std::nullopt;
  return asked + step - 1;
}

std::string Slices::body(std::size_t k) const {
  OrderedJson json = prepared_;
  *last_user_text(json, dialect_) = text_.substr(0, ends_.at(k).offset);
  return to_wire_json(json);
}

}  // namespace tasklane
