// A task asked upstream as a stream, whatever its client asked for: llama-server does not notice that a
// non-streamed request was closed while another slot streams. shaper/dialect/assemble.h puts the stream
// together again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

// `body` with "stream": true, and in OpenAI's dialect "stream_options": {"include_usage": true}, so that the
// usage can be given back; everything else as it was. Nothing where the client itself asked for a stream (an
// Ollama body that does not say, too): that is passed on as it came.
//
// include_usage is known to llama-server, Ollama (since 0.5) and vLLM (since 0.5.0). A server that refuses it
// says 400: ask again with the client's own body.
//
// Error: no JSON object, or a request whose stream cannot be put together as one answer (`n` or `best_of`
// above 1, `logprobs`, `echo`): forward it as it came.
Result<std::optional<std::string>> as_stream(std::string_view body, Dialect dialect);

}  // namespace tasklane
