// What a request line asks for: which dialect it speaks and whether its body holds a prompt. Told by how the
// path ends, behind any base path; empty segments ("//", a trailing "/") count for nothing.
#pragma once

#include <string_view>

namespace tasklane {

// How a request and its answer are written. The client's dialect decides the form of every answer.
enum class Dialect {
  none,                // no body that is read
  ollama_chat,         // POST .../api/chat
  ollama_generate,     // POST .../api/generate
  openai_chat,         // POST .../chat/completions
  openai_completions,  // POST .../completions
  openai_responses,    // POST .../responses
  anthropic_messages,  // POST .../messages
};

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

std::string_view to_text(Dialect dialect);
constexpr bool is_ollama(Dialect d) { return d == Dialect::ollama_chat || d == Dialect::ollama_generate; }
constexpr bool is_openai(Dialect d) { return d == Dialect::openai_chat || d == Dialect::openai_completions; }
// Dialects in which Tasklane can ask for a stream, put an answer together and write one itself.
constexpr bool writes_answers(Dialect d) { return is_ollama(d) || is_openai(d); }

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

// Whether it asks which models there are: what a front end does when its page is opened.
bool lists_models(std::string_view method, std::string_view target);

// The path of a target, without scheme, authority and query.
std::string_view path_of(std::string_view target);

}  // namespace tasklane
