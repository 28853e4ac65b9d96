#include "shaper/classify/classifier.h"

#include <algorithm>

#include "shaper/classify/echo.h"
#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"
#include "shaper/classify/typist.h"

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

constexpr double unfilled_score = 0.6;

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

// What speaks against a task before a word is read.
std::string_view against_shape(const BodyFacts& body) {
  if (body.streamed) return "it is streamed";
  if (body.has_tools) return "it has tools";
  if (body.has_images) return "it has images";
  return single_prompt(body) ? "" : "its messages are not just [user] or [system, user]";
}

bool task_shaped(const BodyFacts& body) {
  return body.readable && !body.streamed && !body.has_tools && !body.has_images && single_prompt(body);
}

const PackEntry* known_chat(const Pack& pack, const Prompt& prompt, bool against_echo) {
  const auto found = std::find_if(pack.chats.begin(), pack.chats.end(), [&](const PackEntry& chat) {
    return (against_echo || !chat.only_echo) && hold_against(chat, prompt).matches;
  });
  return found == pack.chats.end() ? nullptr : &*found;
}

// Whether the request shows the entry's marks in the entry's shape.
bool matches(const Pack& pack, const PackEntry& entry, const Prompt& prompt, const ClassifyInput& input,
             Reasons& why) {
  const EntryResult held = hold_against(entry, prompt);
  if (!held.matches) {
    if (why.wanted() && held.shown > 0)
      why.add("not ", pack.name, "/", entry.name, ": ",
              held.veto ? "against it: " : "missing: ", describe(held.veto ? *held.veto : *held.missing));
    return false;
  }
  if (shape_fits(entry.shape, *input.body, input.endpoint.dialect)) return true;
  why.add("not ", pack.name, "/", entry.name, ": all marks found, but the request's shape speaks against it");
  return false;
}

}  // namespace

struct Classifier::State {
  State(std::vector<std::shared_ptr<const Pack>> known_packs, ClassifierOptions chosen)
      : packs(std::move(known_packs)), options(chosen), echo(chosen.secret_low, chosen.secret_high) {}

  std::vector<std::shared_ptr<const Pack>> packs;
  ClassifierOptions options;
  Echo echo;
  // The last task that the echo alone recognised: somebody's front end uses templates of its own.
  struct OwnTemplate {
    Time at;
    std::string client;
  };
  std::optional<OwnTemplate> own_template;

  void know_people(const ClassifyInput& input, Classification& result) const;
  // Gives what it quotes, whether or not that makes it a task.
  std::optional<Quote> by_echo(const ClassifyInput& input, Classification& result, Reasons& why);
  void remember_chat(const ClassifyInput& input, Classification& result, Reasons& why);
  [[nodiscard]] bool is_unfilled(const ClassifyInput& input) const;
  [[nodiscard]] Asking asking_of(const BodyFacts& body) const;

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
  const PackEntry* const chat = known_chat(pack, prompt, false);
  for (const PackEntry& entry : pack.entries) {
    if (chat != nullptr) break;
    if (!matches(pack, entry, prompt, input, why)) continue;
    result.score = std::max(result.score, entry.score);
    if (entry.score < options.threshold) continue;
    result.request_class = entry.request_class;
    result.evidence = Evidence::pack;
    result.mark = pack.name + "/" + entry.name;
    why.add(pack.name, "/", entry.name, " matches:");
    for (const Mark& mark : entry.marks) why.add("  ", describe(mark));
    return true;
  }
  const PackEntry* const none = chat != nullptr ? chat : known_chat(pack, prompt, true);
  if (none == nullptr) return false;
  why.add("known chat ", pack.name, "/", none->name);
  result.evidence = Evidence::pack;
  result.mark = pack.name + "/" + none->name;
  return true;
}

bool Classifier::State::by_pack(const ClassifyInput& input, Classification& result, Reasons& why) const {
  if (!single_prompt(*input.body)) return false;
  return std::any_of(packs.begin(), packs.end(),
                     [&](const auto& pack) { return by_pack(*pack, input, result, why); });
}

// By header alone; the echo and the client's address come later.
void Classifier::State::know_people(const ClassifyInput& input, Classification& result) const {
  const auto key_by = [&](const std::vector<std::string>& names) -> std::uint64_t {
    for (const std::string& name : names)
      if (const std::string* const value = input.head.field(name); value != nullptr && !value->empty())
        return echo.key_of(name + ": " + *value);
    return 0;
  };
  for (const auto& pack : packs) {
    if (result.chat == 0) result.chat = key_by(pack->chat_headers);
    if (result.typist == 0) result.typist = key_by(pack->typist_headers);
  }
  if (result.typist != 0) result.typist_by = TypistEvidence::header;
}

Asking Classifier::State::asking_of(const BodyFacts& body) const {
  Asking asking;
  asking.token_limit = body.token_limit;
  const PromptEnds ends = ends_of(body.messages.back().text);
  std::string_view system;
  if (body.messages.front().role == Role::system) system = body.messages.front().text;
  for (const std::string_view place : {ends.before, ends.behind, system}) {
    const Asked asked = what_it_asks(place, packs);
    if (asked.mark == nullptr) continue;
    asking.asks = true;
    asking.asked_class = asked.request_class;
    break;
  }
  return asking;
}

// A release that does not know a filter of a customised template sends the placeholder as it stands, and no
// word of the chat. Between other customised tasks of the same client it can be nothing else.
bool Classifier::State::is_unfilled(const ClassifyInput& input) const {
  constexpr Duration just_now = std::chrono::seconds(60);
  if (!own_template || input.now - own_template->at > just_now || own_template->client != input.client)
    return false;
  return std::any_of(packs.begin(), packs.end(), [&](const auto& pack) {
    const Prompt prompt = prompt_of(*input.body, *pack);
    return std::any_of(pack->unfilled.begin(), pack->unfilled.end(),
                       [&](const Mark& mark) { return shows(mark, prompt); });
  });
}

std::optional<Quote> Classifier::State::by_echo(const ClassifyInput& input, Classification& result,
                                                Reasons& why) {
  const BodyFacts& body = *input.body;
  const EchoPrompt prompt{body.messages.back().text, asking_of(body)};
  const bool ui_order = is_openai(input.endpoint.dialect) && !body.model_first;
  const bool may_wait = result.evidence == Evidence::none && !ui_order;
  result.may_be_unmasked = may_wait;
  const auto quote = echo.find(prompt, may_wait ? input.id : 0, options.threshold, input.now);
  if (quote) {
    if (result.chat == 0) result.chat = quote->owner.chat;
    why.add("quotes a recent chat", quote->evidence.rendered ? " as \"USER: ...\"" : "", ": at least ",
            std::to_string(quote->evidence.bytes), " bytes of ",
            quote->evidence.whole ? "a whole message" : "a message that was cut");
  }
  if (result.evidence != Evidence::none) return quote;
  why.add(prompt.asking.asks ? "asks for the JSON key of " : "asks for no known JSON key",
          prompt.asking.asks ? to_text(prompt.asking.asked_class) : std::string_view());
  if (ui_order) why.add("against a task: \"model\" is not the first key");
  if (quote && !ui_order) {
    result.score = std::max(result.score, quote->score);
    if (quote->evidence.compaction_like && !quote->evidence.asks)
      why.add("against a task: may be a compaction");
    if (quote->score >= options.threshold) {
      result.request_class = prompt.asking.asks ? prompt.asking.asked_class : RequestClass::task;
      result.evidence = Evidence::echo;
      own_template = OwnTemplate{input.now, std::string(input.client)};
      return quote;
    }
  }
  if (!ui_order && prompt.asking.asks && is_unfilled(input)) {
    result.score = unfilled_score;
    result.request_class = prompt.asking.asked_class;
    result.evidence = Evidence::echo;
    why.add(
        "holds a placeholder that the front end did not fill, and a task with templates of its own was just "
        "seen");
  }
  return quote;
}

void Classifier::State::remember_chat(const ClassifyInput& input, Classification& result, Reasons& why) {
  const BodyFacts& body = *input.body;
  know_typist_of_chat({echo, body, input.client, input.now}, result);
  know_address(echo, input.client, result);
  const ChatOwner owner{result.chat, result.typist, echo.key_of(input.client)};
  const bool surely = is_chat_dialect(input.endpoint.dialect) && !result.task_shaped;
  result.unmasked = echo.remember(body, surely, owner, options.threshold, input.now);
  // A task-shaped request waits for its chat, and is none of its own.
  std::erase_if(result.unmasked, [&](const Unmasked& one) { return one.id == input.id; });
  for (const Unmasked& one : result.unmasked)
    why.add("an earlier request quotes this chat: ", to_text(one.request_class));
}

Classifier::Classifier(std::vector<std::shared_ptr<const Pack>> packs, ClassifierOptions options)
    : state_(std::make_unique<State>(std::move(packs), options)) {}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;

void Classifier::use_packs(std::vector<std::shared_ptr<const Pack>> packs) {
  state_->packs = std::move(packs);
}

const std::vector<std::shared_ptr<const Pack>>& Classifier::packs() const { return state_->packs; }

void Classifier::ended(RequestId id, Time) { state_->echo.ended(id); }

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
    if (why.wanted() && !against_shape(*input.body).empty())
      why.add("against a task: ", against_shape(*input.body));
  } else {
    why.add("body not read: ", input.body == nullptr ? "past the limit" : input.body->problem);
  }
  state_->know_people(input, result);
  const bool named = state_->by_header(input, result, why);
  if (input.body != nullptr && input.body->readable && !input.body->messages.empty()) {
    if (!named) state_->by_pack(input, result, why);
    std::optional<Quote> quote;
    if (result.task_shaped) quote = state_->by_echo(input, result, why);
    if (result.request_class == RequestClass::chat)
      state_->remember_chat(input, result, why);
    else if (is_task(result.request_class))
      know_typist_of_task({state_->echo, *input.body, input.client, input.now}, quote, result);
  }
  know_address(state_->echo, input.client, result);
  return result;
}

}  // namespace tasklane
