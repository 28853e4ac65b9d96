// What a request line asks for: which dialect it speaks and whether its body holds a prompt. Told by how the
// path ends, behind any base path; empty segments ("//", a trailing "/") count for nothing.
#pragma once

#include <string_view>

#include "shaper/dialect/dialect.h"

namespace tasklane {

enum class EndpointKind {
  generation,  // known to generate
  embedding,
  admin,
  media,         // generates, but no text: images
  unknown_post,  // a POST that nobody knows: it may generate, so it counts as a chat
  other,
};

struct Endpoint {
  EndpointKind kind = EndpointKind::other;
  Dialect dialect = Dialect::none;
};

// Whether the body is read: it holds a prompt in a form that is known.
constexpr bool has_prompt(Endpoint e) {
  return e.kind == EndpointKind::generation && e.dialect != Dialect::none;
}
// Whether a model may be at work for it: what Tasklane asks on its own account gives way to it at once.
constexpr bool may_generate(Endpoint e) {
  return e.kind == EndpointKind::generation || e.kind == EndpointKind::media ||
         e.kind == EndpointKind::unknown_post;
}

// `target` as in the request line (origin or absolute form, RFC 9112 section 3.2; a query is ignored).
Endpoint endpoint_of(std::string_view method, std::string_view target);

// A request that takes models out of a server's memory, by its path: llama-server's, LM Studio's and
// TabbyAPI's unload, llama-swap's, vLLM's sleep. Ollama has none: see unloads(), shaper/task/rewarm.h.
bool unloads_models(std::string_view method, std::string_view target);

// Whether it asks which models there are: what a front end does when its page is opened.
bool lists_models(std::string_view method, std::string_view target);

// The path of a target, without scheme, authority and query.
std::string_view path_of(std::string_view target);

}  // namespace tasklane
