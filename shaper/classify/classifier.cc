#include "shaper/classify/classifier.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "shaper/classify/echo.h"
#include "shaper/classify/learnt_shapes.h"
#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"
#include "shaper/classify/reasons.h"
#include "shaper/classify/request_shape.h"
#include "shaper/classify/typist.h"
#include "shaper/classify/wording.h"
#include "shaper/classify/written_chat.h"

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

constexpr double unfilled_score = 0.6;
constexpr double other_key_order = 0.75;  // of a score, where the front end would write the keys differently
constexpr Duration right_behind = std::chrono::seconds(3);  // a chat's end: the time of its tasks

const PackEntry* known_chat(const Pack& pack, const Prompt& prompt, bool against_echo) {
  const auto found = std::find_if(pack.chats.begin(), pack.chats.end(), [&](const PackEntry& chat) {
    return (against_echo || !chat.only_echo) && hold_against(chat, prompt).matches;
  });
  return found == pack.chats.end() ? nullptr : &*found;
}

// Whether the request shows the entry's marks in the entry's shape.
bool matches(const Pack& pack, const PackEntry& entry, const Prompt& prompt, const ClassifyInput& input,
             Reasons& why) {
  const bool fits = shape_fits(entry.shape, *input.body, input.endpoint.dialect);
  if (!fits && !why.wanted()) return false;  // sooner than a look for its marks
  const EntryResult held = hold_against(entry, prompt);
  if (!held.matches) {
    if (why.wanted() && held.shown > 0)
      why.add("not ", pack.name, "/", entry.name, ": ",
              held.veto ? "against it: " : "missing: ", describe(held.veto ? *held.veto : *held.missing));
    return false;
  }
  if (fits) return true;
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
  // The last task with a contract that the echo recognised: somebody's front end uses templates of its own.
  struct OwnTemplate {
    Time at;
    Tenant tenant;
  };
  std::optional<OwnTemplate> own_template;

  LearntShapes shapes;
  // When the answer to a chat of each tenant ended last.
  std::map<RequestId, Tenant> chats;
  std::unordered_map<Tenant, Time> last_chat;

  Found by_echo(const ClassifyInput& input, Classification& result, Reasons& why);
  [[nodiscard]] bool at_its_time(const Quote& quote, Time now) const;
  bool by_contract(const Quote& quote, const Asking& asking, Time now, Classification& result,
                   Reasons& why) const;
  bool by_shape(const Quote& quote, std::uint64_t shape, const Asking& asking, Time now,
                Classification& result, Reasons& why);
  void chat_ended(RequestId id, Time now);
  void remember_chat(const ClassifyInput& input, Classification& result, Reasons& why);
  [[nodiscard]] bool is_unfilled(const ClassifyInput& input, const Classification& result) const;
  [[nodiscard]] Asking asking_of(const BodyFacts& body) const;

  bool by_header(const ClassifyInput& input, Classification& result, Reasons& why) const;
  [[nodiscard]] bool worded_as_shipped(const ClassifyInput& input, RequestClass named) const;
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
      result.certainty = Certainty::named;
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

// A header says what a request is, not in whose words.
bool Classifier::State::worded_as_shipped(const ClassifyInput& input, RequestClass named) const {
  return std::any_of(packs.begin(), packs.end(), [&](const auto& pack) {
    const Prompt prompt = prompt_of(*input.body, *pack);
    return std::any_of(pack->entries.begin(), pack->entries.end(), [&](const PackEntry& entry) {
      return entry.request_class == named && hold_against(entry, prompt).matches &&
             tasklane::worded_as_shipped(entry, prompt);
    });
  });
}

bool Classifier::State::by_pack(const Pack& pack, const ClassifyInput& input, Classification& result,
                                Reasons& why) const {
  const Prompt prompt = prompt_of(*input.body, pack);
  const PackEntry* const chat = known_chat(pack, prompt, false);
  for (const PackEntry& entry : pack.entries) {
    if (chat != nullptr) break;
    if (!matches(pack, entry, prompt, input, why)) continue;
    const bool in_order = key_order(entry.shape, *input.body, input.endpoint.dialect) == KeyOrder::front_ends;
    const double score = in_order ? entry.score : entry.score * other_key_order;
    if (!in_order) why.add("against it, though not enough: \"model\" is not the first key");
    result.score = std::max(result.score, score);
    if (score < options.threshold) continue;
    result.request_class = entry.request_class;
    result.evidence = Evidence::pack;
    result.certainty = Certainty::named;
    result.mark = pack.name + "/" + entry.name;
    result.worded_as_shipped = tasklane::worded_as_shipped(entry, prompt);
    why.add(pack.name, "/", entry.name, " matches:");
    for (const Mark& mark : entry.marks) why.add("  ", describe(mark));
    if (why.wanted() && !result.worded_as_shipped && !entry.shipped.empty())
      why.add("its words, print ", to_digits(wording_of(prompt.instructions)),
              ", are those of no template that the front end ships");
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

Asking Classifier::State::asking_of(const BodyFacts& body) const {
  Asking asking;
  asking.token_limit = body.token_limit;
  const PromptEnds ends = ends_of(body.messages.back().text);
  // Behind a conversation its last lines alone, for the answer that is quoted may go on over several.
  constexpr std::size_t last_lines = 1024;
  const std::string_view tail =
      ends.behind.substr(ends.behind.size() - std::min(ends.behind.size(), last_lines));
  std::string_view system;
  if (body.messages.front().role == Role::system) system = body.messages.front().text;
  for (const std::string_view place : {ends.before, ends.behind, system}) {
    const Asked asked = what_it_asks(place, packs);
    if (asked.mark == nullptr) continue;
    asking.asks = true;
    asking.asked_class = asked.request_class;
    break;
  }
  asking.exact = exact_contract({ends.before, tail, system});
  return asking;
}

// A release that does not know a filter of a customised template sends the placeholder as it stands, and no
// word of the chat. Between other customised tasks of the same tenant, right behind its chat, it can be
// nothing else.
bool Classifier::State::is_unfilled(const ClassifyInput& input, const Classification& result) const {
  constexpr Duration just_now = std::chrono::seconds(60);
  if (!own_template || input.now - own_template->at > just_now || own_template->tenant != result.tenant)
    return false;
  const auto chat = last_chat.find(result.tenant);
  if (chat == last_chat.end() || input.now - chat->second > right_behind) return false;
  return std::any_of(packs.begin(), packs.end(), [&](const auto& pack) {
    const Prompt prompt = prompt_of(*input.body, *pack);
    return std::any_of(pack->unfilled.begin(), pack->unfilled.end(),
                       [&](const Mark& mark) { return shows(mark, prompt); });
  });
}

bool Classifier::State::at_its_time(const Quote& quote, Time now) const {
  return quote.chat_ended && now >= *quote.chat_ended && now - *quote.chat_ended <= right_behind;
}

bool Classifier::State::by_contract(const Quote& quote, const Asking& asking, Time now,
                                    Classification& result, Reasons& why) const {
  if (!asking.exact || quote.evidence.asks_in_quote) return false;
  if (!at_its_time(quote, now)) {
    why.add(
        "against a task: it does not come within three seconds behind the end of the chat that it quotes");
    return false;
  }
  result.request_class = *asking.exact;
  result.certainty = Certainty::contract;
  return true;
}

bool Classifier::State::by_shape(const Quote& quote, std::uint64_t shape, const Asking& asking, Time now,
                                 Classification& result, Reasons& why) {
  if (!at_its_time(quote, now)) {
    shapes.at_another_time(result.tenant, shape, now);
    return false;
  }
  if (!shapes.behind_its_chat(result.tenant, shape, quote.owner.request, now)) return false;
  why.add("this tenant has sent the same prompt around other quotes three times, right behind its chats");
  result.request_class = asking.exact.value_or(RequestClass::task);
  result.certainty = Certainty::learnt;
  return true;
}

Found Classifier::State::by_echo(const ClassifyInput& input, Classification& result, Reasons& why) {
  const BodyFacts& body = *input.body;
  const std::string_view system =
      body.messages.front().role == Role::system ? body.messages.front().text : std::string_view();
  const EchoPrompt prompt{result.tenant, body.messages.back().text, system, asking_of(body)};
  const bool unknown = result.evidence == Evidence::none;
  const bool web_page = is_openai(input.endpoint.dialect) && body.stream_first;
  Found found = echo.find(prompt, unknown && !web_page ? input.id : 0, input.now);
  std::optional<Quote>& quote = found.quote;
  if (quote)
    why.add("quotes a recent chat", quote->evidence.rendered ? " as \"USER: ...\"" : "", ": at least ",
            std::to_string(quote->evidence.bytes), " bytes of ",
            quote->evidence.whole ? "a whole message" : "a message that was cut");
  if (!unknown) return found;
  result.may_be_unmasked = prompt.asking.exact == RequestClass::title && !web_page;
  if (prompt.asking.exact)
    why.add("asks for the exact contract of ", to_text(*prompt.asking.exact));
  else
    why.add(prompt.asking.asks ? "speaks of the JSON key of " : "asks for no known JSON key",
            prompt.asking.asks ? to_text(prompt.asking.asked_class) : std::string_view(),
            prompt.asking.asks ? ", but not for exactly that" : "");
  if (quote) {
    result.score = std::max(result.score, quote->score);
    if (quote->evidence.compaction_like && !quote->evidence.asks)
      why.add("against a task: may be a compaction");
    if (quote->evidence.alone || quote->evidence.starts_with) return found;
    const bool strong = quote->score >= options.threshold;
    if (web_page) why.add("against a task: \"stream\" is the first key, as the web page writes a chat");
    if (strong) result.evidence = Evidence::echo;
    if (strong) result.certainty = Certainty::echo;
    if (strong && !web_page && by_contract(*quote, prompt.asking, input.now, result, why)) {
      own_template = OwnTemplate{input.now, result.tenant};
      return found;
    }
    if (!web_page && by_shape(*quote, found.shape, prompt.asking, input.now, result, why))
      result.evidence = Evidence::echo;
    return found;
  }
  if (prompt.asking.exact && is_unfilled(input, result)) {
    result.score = unfilled_score;
    result.request_class = *prompt.asking.exact;
    result.evidence = Evidence::echo;
    result.certainty = Certainty::contract;
    why.add("a template's placeholder that was not filled in, among other customised tasks");
  }
  return found;
}

void Classifier::State::chat_ended(RequestId id, Time now) {
  const auto chat = chats.find(id);
  if (chat == chats.end()) return;
  constexpr std::size_t most_tenants = 4096;
  if (last_chat.size() >= most_tenants) last_chat.clear();
  last_chat[chat->second] = now;
  chats.erase(chat);
}

void Classifier::State::remember_chat(const ClassifyInput& input, Classification& result, Reasons& why) {
  constexpr std::size_t most_chats = 4096;
  const BodyFacts& body = *input.body;
  know_typist_of_chat({echo, body, input.now, {}}, result);
  const bool surely = is_chat_dialect(input.endpoint.dialect) && !result.task_shaped;
  result.chat = conversation_of(echo, result.tenant, body);
  chats[input.id] = result.tenant;
  if (chats.size() > most_chats) chats.erase(chats.begin());
  const ChatOwner owner{result.tenant, result.typist, input.id};
  const Late late = echo.remember(body, surely, owner, options.threshold, input.now);
  for (const std::uint64_t shape : late.before) shapes.before_a_chat(result.tenant, shape);
  for (const std::uint64_t shape : late.refuted) shapes.at_another_time(result.tenant, shape, input.now);
  result.unmasked = late.unmasked;
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

void Classifier::ended(RequestId id, Time now) {
  state_->echo.ended(id, now);
  state_->chat_ended(id, now);
}

void Classifier::chat_ended(RequestId id, Time now) {
  state_->echo.chat_ended(id, now);
  state_->chat_ended(id, now);
}

Classification Classifier::classify(const ClassifyInput& input) {
  Classification result;
  Reasons why(input.explain, result.reasons);
  know_tenant(state_->echo, input.head, input.client, state_->packs, result);
  if (input.endpoint.kind != EndpointKind::generation) {
    result.request_class = class_by_path(input.endpoint.kind);
    result.evidence = Evidence::path;
    result.score = 1;
    why.add("path ", path_of(input.head.target),
            input.endpoint.kind == EndpointKind::unknown_post
                ? ": a POST that is neither administration nor embedding counts as a chat"
                : "");
    return result;
  }
  result.request_class = class_without_evidence(input.body, input.endpoint.dialect);
  const bool readable = input.body != nullptr && input.body->readable;
  if (readable) {
    result.task_shaped = is_chat_dialect(input.endpoint.dialect) && task_shaped(*input.body);
    if (why.wanted() && !against_shape(*input.body).empty())
      why.add("against a task: ", against_shape(*input.body));
  } else {
    const std::string_view problem = input.body == nullptr ? "past the limit" : input.body->problem;
    why.add("body not read: ", has_prompt(input.endpoint) ? problem : "its form is not known");
  }
  const std::string_view chat = named_chat(input.head, state_->packs);
  if (!chat.empty()) result.named_chat = state_->echo.key_of(chat);
  const bool named = state_->by_header(input, result, why);
  const bool too_long = readable && longer_than_models_read(*input.body);
  if (too_long) why.add("longer than what any model reads: nothing is looked for in it");
  if (readable && !too_long && !input.body->messages.empty()) {
    if (named && is_task(result.request_class))
      result.worded_as_shipped = state_->worded_as_shipped(input, result.request_class);
    if (!named && state_->by_pack(input, result, why) && result.request_class != RequestClass::chat)
      state_->shapes.is_front_end(result.tenant, input.now);
    Found found;
    if (result.task_shaped) found = state_->by_echo(input, result, why);
    if (result.request_class == RequestClass::chat && result.certainty != Certainty::echo)
      state_->remember_chat(input, result, why);
    else if (is_task(result.request_class))
      know_typist_of_task({state_->echo, *input.body, input.now, chat}, found.quote, result);
  }
  return result;
}

}  // namespace tasklane
