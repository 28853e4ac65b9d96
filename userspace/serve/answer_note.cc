#include "userspace/serve/answer_note.h"

#include <cstdio>

namespace tasklane {
namespace {

// A rule's name is a person's: what could end a field's line or a parameter is left out (RFC 9110
// section 5.5).
std::string as_parameter(std::string_view name) {
  std::string safe;
  for (const char c : name) safe += c > ' ' && c < 127 && c != ';' && c != '"' ? c : '_';
  return safe;
}

}  // namespace

std::string verdict_of(RequestId id, const Classification& classification, const Decision& decision,
                       std::optional<Lane> lane) {
  std::string verdict = "class=" + std::string(to_text(classification.request_class));
  verdict += "; lane=" + (lane ? std::string(to_text(*lane)) : std::string("none"));
  verdict += "; rule=" + (decision.rule == nullptr ? std::string("none") : as_parameter(decision.rule->name));
  verdict += "; certainty=" + std::string(to_text(classification.certainty));
  return verdict + "; id=" + std::to_string(id);
}

double waited_seconds(const Request& request) {
  return seconds_of(request.asked_at.value_or(now()) - request.arrived);
}

std::string answer_note(const Request& request) {
  char waited[32];
  std::snprintf(waited, sizeof(waited), "%.3f", waited_seconds(request));
  return "X-Tasklane: " + request.verdict + "; waited=" + waited;
}

}  // namespace tasklane
