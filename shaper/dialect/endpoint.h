// What a request line asks for: which dialect it speaks and whether its body holds a prompt.
#pragma once

#include <string_view>

namespace tasklane {

// How a request and its answer are written. The client's dialect decides the form of every answer.
enum class Dialect {
  none,                // not a generation endpoint
  ollama_chat,         // POST /api/chat
  ollama_generate,     // POST /api/generate
  openai_chat,         // POST [/v1]/chat/completions
  openai_completions,  // POST [/v1]/completions
};

enum class EndpointKind { generation, embedding, admin, other };

struct Endpoint {
  EndpointKind kind = EndpointKind::other;
  Dialect dialect = Dialect::none;
};

std::string_view to_text(Dialect dialect);
constexpr bool is_ollama(Dialect d) { return d == Dialect::ollama_chat || d == Dialect::ollama_generate; }
constexpr bool is_openai(Dialect d) { return d == Dialect::openai_chat || d == Dialect::openai_completions; }

// `target` as in the request line (origin or absolute form, RFC 9112 section 3.2; a query is ignored).
Endpoint endpoint_of(std::string_view method, std::string_view target);

// Whether it asks which models there are: what a front end does when its page is opened.
bool lists_models(std::string_view method, std::string_view target);

// The path of a target, without scheme, authority and query.
std::string_view path_of(std::string_view target);

}  // namespace tasklane
