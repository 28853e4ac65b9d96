// A task asked upstream as a stream, whatever its client asked for: llama-server does not notice that a
// non-streamed request was closed while another slot streams. shaper/dialect/assemble.h puts the stream
// together again.
#pragma once

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

// Gives `body` "stream": true, and in OpenAI's dialect "stream_options": {"include_usage": true}, so that the
// usage can be given back; everything else as it was. False where the client itself asked for a stream (an
// Ollama body that does not say, too): that is passed on as it came.
//
// include_usage is known to llama-server, Ollama (since 0.5) and vLLM (since 0.5.0). A server that refuses it
// says 400: it is asked again with the client's own body.
bool as_stream(OrderedJson& body, Dialect dialect);

}  // namespace tasklane
