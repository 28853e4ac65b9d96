#include "shaper/classify/classifier.h"

#include <algorithm>

#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"

namespace tasklane {

std::string_view to_text(Evidence evidence) {
  switch (evidence) {
    case Evidence::none:
      return "none";
    case Evidence::path:
      return "path";
    case Evidence::header:
      return "header";
    case Evidence::pack:
      return "pack";
    case Evidence::echo:
      return "echo";
  }
  return "none";
}

namespace {

// Reasons are written only where somebody reads them.
class Reasons {
 public:
  Reasons(bool wanted, std::vector<std::string>& list) : wanted_(wanted), list_(list) {}

  template <class... Parts>
  void add(const Parts&... parts) {
    if (!wanted_) return;
    std::string line;
    (line.append(parts), ...);
    list_.push_back(std::move(line));
  }
  [[nodiscard]] bool wanted() const { return wanted_; }

 private:
  bool wanted_;
  std::vector<std::string>& list_;
};

RequestClass class_by_path(EndpointKind kind) {
  if (kind == EndpointKind::embedding) return RequestClass::embedding;
  return kind == EndpointKind::admin ? RequestClass::admin : RequestClass::other;
}

bool is_chat_dialect(Dialect dialect) {
  return dialect == Dialect::ollama_chat || dialect == Dialect::openai_chat;
}

// Without a prompt Ollama only loads or unloads the model. A prompt without a conversation around it is a
// chat where somebody reads along.
RequestClass class_without_evidence(const BodyFacts* body, Dialect dialect) {
  if (body == nullptr || !body->readable) return RequestClass::chat;
  const bool empty = std::all_of(body->messages.begin(), body->messages.end(), [](const Message& m) {
    return m.text.empty() && !m.has_other_parts && !m.has_tool_calls;
  });
  if (empty) return is_ollama(dialect) ? RequestClass::admin : RequestClass::other;
  return is_chat_dialect(dialect) || body->streamed ? RequestClass::chat : RequestClass::other;
}

bool task_shaped(const BodyFacts& body) {
  return body.readable && !body.streamed && !body.has_tools && !body.has_images && single_prompt(body);
}

}  // namespace

struct Classifier::State {
  std::vector<std::shared_ptr<const Pack>> packs;
  ClassifierOptions options;

  bool by_header(const ClassifyInput& input, Classification& result, Reasons& why) const;
  bool by_pack(const ClassifyInput& input, Classification& result, Reasons& why) const;
  bool by_pack(const Pack& pack, const ClassifyInput& input, Classification& result, Reasons& why) const;
};

bool Classifier::State::by_header(const ClassifyInput& input, Classification& result, Reasons& why) const {
  for (const auto& pack : packs) {
    for (const TaskHeader& header : pack->task_headers) {
      const std::string* const value = input.head.field(header.name);
      if (value == nullptr) continue;
      if (std::find(header.ignored.begin(), header.ignored.end(), *value) != header.ignored.end()) {
        why.add("header ", header.name, ": ", *value, " says nothing");
        continue;
      }
      const auto known = header.values.find(*value);
      result.evidence = Evidence::header;
      result.score = 1;
      result.mark = pack->name + "/" + header.name;
      result.request_class = known == header.values.end() ? RequestClass::other : known->second;
      why.add(
          "header ", header.name, ": \"", *value, "\" ",
          known == header.values.end() ? "names no task that the pack knows: left alone" : "names the class");
      return true;
    }
  }
  return false;
}

bool Classifier::State::by_pack(const Pack& pack, const ClassifyInput& input, Classification& result,
                                Reasons& why) const {
  const Prompt prompt = prompt_of(*input.body, pack);
  for (const PackEntry& entry : pack.chats) {
    if (!hold_against(entry, prompt).matches) continue;
    why.add("known chat ", pack.name, "/", entry.name);
    result.evidence = Evidence::pack;
    result.score = 0;
    result.mark = pack.name + "/" + entry.name;
    return true;
  }
  for (const PackEntry& entry : pack.entries) {
    const EntryResult held = hold_against(entry, prompt);
    if (why.wanted() && !held.matches && held.shown > 0)
      why.add("not ", pack.name, "/", entry.name, ": ",
              held.veto ? "against it: " : "missing: ", describe(held.veto ? *held.veto : *held.missing));
    if (!held.matches) continue;
    if (!shape_fits(entry.shape, *input.body, input.endpoint.dialect)) {
      why.add("not ", pack.name, "/", entry.name,
              ": all marks found, but the request's shape speaks against it");
      continue;
    }
    result.score = std::max(result.score, entry.score);
    if (entry.score < options.threshold) continue;
    result.request_class = entry.request_class;
    result.evidence = Evidence::pack;
    result.mark = pack.name + "/" + entry.name;
    why.add(pack.name, "/", entry.name, " matches:");
    for (const Mark& mark : entry.marks) why.add("  ", describe(mark));
    return true;
  }
  return false;
}

bool Classifier::State::by_pack(const ClassifyInput& input, Classification& result, Reasons& why) const {
  if (!single_prompt(*input.body)) return false;
  return std::any_of(packs.begin(), packs.end(),
                     [&](const auto& pack) { return by_pack(*pack, input, result, why); });
}

Classifier::Classifier(std::vector<std::shared_ptr<const Pack>> packs, ClassifierOptions options)
    : state_(std::make_unique<State>()) {
  state_->packs = std::move(packs);
  state_->options = options;
}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

void Classifier::use_packs(std::vector<std::shared_ptr<const Pack>> packs) {
  state_->packs = std::move(packs);
}

void Classifier::ended(RequestId, Time) {}

Classification Classifier::classify(const ClassifyInput& input) {
  Classification result;
  Reasons why(input.explain, result.reasons);
  if (input.endpoint.kind != EndpointKind::generation) {
    result.request_class = class_by_path(input.endpoint.kind);
    result.evidence = Evidence::path;
    result.score = 1;
    why.add("path ", path_of(input.head.target));
    return result;
  }
  result.request_class = class_without_evidence(input.body, input.endpoint.dialect);
  if (input.body != nullptr && input.body->readable) {
    result.task_shaped = is_chat_dialect(input.endpoint.dialect) && task_shaped(*input.body);
  } else {
    why.add("body not read: ", input.body == nullptr ? "past the limit" : input.body->problem);
  }
  if (state_->by_header(input, result, why)) return result;
  if (input.body != nullptr && input.body->readable) state_->by_pack(input, result, why);
  return result;
}

}  // namespace tasklane
