// Requests whose only use is what they leave in the upstream's prompt cache.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"

namespace tasklane {

// A chat's prompt asked again: its body with one token to generate, streamed. All that shapes the prompt or
// the load stays as it is. With its `answer`, where it is known, for that is part of the next turn's prompt.
// Error: no JSON object.
Result<std::string> rewarm_body(std::string_view chat, Dialect dialect, std::string_view answer = {});

// Whether Ollama unloads the model at once behind this request: its `keep_alive` is zero.
bool unloads(const BodyFacts& request);

// Whether the model still lies in the server's memory behind this chat: not where it is unloaded, and not
// where Ollama passes it on to its cloud ("...cloud").
bool stays_loaded(const BodyFacts& chat);

struct PrewarmSource {
  std::string_view body;
  Dialect dialect = Dialect::none;
};
struct PrewarmRequest {
  std::string body;
  Dialect dialect = Dialect::none;
};

// What chats will have in common with the given ones (newest first): their model, options, tools and leading
// system messages, with one character for the person's message, one token to generate. Each only once, at
// most `most` of them; what is no JSON object or has no messages is left out.
std::vector<PrewarmRequest> prewarm_requests(const std::vector<PrewarmSource>& chats, std::size_t most = 4);

}  // namespace tasklane
