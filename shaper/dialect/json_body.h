// A request body as JSON that keeps the order of its keys, for the rewritings of this room.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// A JSON object, of duplicate keys the last. Error: none, or nested deeper than 256 levels (to write such a
// value would exhaust the stack).
Result<OrderedJson> parse_object(std::string_view text);

// The same for one text after the other: keeps the parser's memory from each to the next. Not thread-safe.
class ObjectReader {
 public:
  ObjectReader();
  ~ObjectReader();
  ObjectReader(ObjectReader&&) noexcept;
  ObjectReader& operator=(ObjectReader&&) noexcept;
  Result<OrderedJson> read(std::string_view text);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;  // from the first text on
};

// The object from the first '{' to the last '}', as Open WebUI looks for one in an answer; empty: no braces.
std::string_view braced(std::string_view text);

// Compact UTF-8, as it goes on the wire; bad bytes become U+FFFD.
std::string to_wire_json(const OrderedJson& json);

// A member that is there and not null, else null pointer.
OrderedJson* member(OrderedJson& object, std::string_view key);
const OrderedJson* member(const OrderedJson& object, std::string_view key);

// The lowest positive limit of generated tokens in the body, wherever the dialect's servers read it
// (options.num_predict or root; max_tokens, max_completion_tokens, n_predict). 0 and less are no limit.
std::optional<std::int64_t> token_limit(const OrderedJson& body, Dialect dialect);

// Limits the generated tokens in every place where the body already does, at least in the dialect's own.
// `tokens` is positive: 0 means "unlimited" in Ollama.
void set_token_limit(OrderedJson& body, Dialect dialect, std::int64_t tokens);

// The text of the last user message (of /api/generate and /completions: the prompt), where it is a string or
// its last text part; null where there is none.
std::string* last_user_text(OrderedJson& body, Dialect dialect);

// Makes the body ask for a stream, with usage where the dialect wants to be asked for it.
void ask_for_stream(OrderedJson& body, Dialect dialect);

}  // namespace tasklane
