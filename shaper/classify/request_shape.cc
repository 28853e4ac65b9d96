#include "shaper/classify/request_shape.h"

#include <algorithm>
#include <numeric>

#include "shaper/classify/match.h"

namespace tasklane {

bool longer_than_models_read(const BodyFacts& body) {
  constexpr std::size_t longest_text = 4U << 20;
  constexpr std::size_t most_messages = 16384;
  const std::size_t text =
      std::accumulate(body.messages.begin(), body.messages.end(), std::size_t{0},
                      [](std::size_t sum, const Message& message) { return sum + message.text.size(); });
  return text > longest_text || body.messages.size() > most_messages;
}

RequestClass class_by_path(EndpointKind kind) {
  if (kind == EndpointKind::embedding) return RequestClass::embedding;
  if (kind == EndpointKind::unknown_post) return RequestClass::chat;
  return kind == EndpointKind::admin ? RequestClass::admin : RequestClass::other;
}

bool is_chat_dialect(Dialect dialect) {
  return dialect != Dialect::none && dialect_row(dialect).prompt != PromptPlace::lone;
}

RequestClass class_without_evidence(const BodyFacts* body, Dialect dialect) {
  if (body == nullptr || !body->readable) return RequestClass::chat;
  const bool empty = std::all_of(body->messages.begin(), body->messages.end(), [](const Message& m) {
    return m.text.empty() && !m.has_other_parts && !m.has_tool_calls;
  });
  if (empty) return is_ollama(dialect) ? RequestClass::admin : RequestClass::other;
  return !dialect_row(dialect).for_scripts || body->streamed ? RequestClass::chat : RequestClass::other;
}

std::string_view against_shape(const BodyFacts& body) {
  if (body.streamed) return "it is streamed";
  if (body.has_tools) return "it has tools";
  if (body.has_images) return "it has images";
  return single_prompt(body) ? "" : "its messages are not just [user] or [system, user]";
}

bool task_shaped(const BodyFacts& body) { return body.readable && against_shape(body).empty(); }

}  // namespace tasklane
