// A request body, read once: the facts that classification, rules and lanes need. Reading never fails a
// request: what cannot be read is `readable == false` and flows on untouched.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/load_options.h"

namespace tasklane {

enum class Role { system, user, assistant, tool, other };

struct Message {
  Role role = Role::other;
  std::string_view text;         // parts of type text joined by '\n' where the content is an array
  bool has_other_parts = false;  // images, audio, files
  bool has_tool_calls = false;
};

// Views point into the BodyReader's storage, or into the body: valid until its next read().
struct BodyFacts {
  bool readable = false;     // one JSON object (after gzip, a BOM)
  std::string_view problem;  // why not, in few words
  std::string_view json;     // the decoded body (after gunzip and BOM), for JSON pointer tests and rewriting
  std::string_view model;
  std::optional<bool> stream;     // absent: Ollama's default is true, OpenAI's false
  bool streamed = false;          // `stream` with the dialect's default applied
  std::vector<Message> messages;  // /api/generate and /completions: `system` and `prompt` as messages
  bool has_tools = false;         // a non-empty `tools` or `functions`
  bool has_format = false;        // `format` or `response_format`
  bool has_images = false;
  std::optional<double> token_limit;  // num_predict (options or root), max_tokens, max_completion_tokens
  bool model_first = false;           // the first key is `model`
  bool stream_first = false;          // it is `stream`
  bool one_text = true;               // no `n`, `logprobs`, tools or the like: its answer is one text
  bool include_usage = false;         // OpenAI: stream_options.include_usage
  LoadOptions load_options;           // Ollama's dialects
};

// Owns the parser and its buffers, kept from read to read. Not thread-safe: one per thread.
class BodyReader {
 public:
  // What a prompt of a million words takes twice over.
  static constexpr std::size_t most_unpacked = 16U << 20;

  BodyReader();
  ~BodyReader();
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // Duplicate keys: the last one wins. `content_encoding` is the header's value ("" or "identity", "gzip");
  // what it unpacks to is at most `most_unpacked` long.
  const BodyFacts& read(std::string_view body, Dialect dialect, std::string_view content_encoding = {});

 private:
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

}  // namespace tasklane
