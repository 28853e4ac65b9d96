#include "shaper/classify/typist.h"

#include <algorithm>
#include <array>
#include <string>

#include "shaper/base/trimmed.h"
#include "shaper/classify/written_chat.h"
#include "shaper/dialect/quoted.h"

namespace tasklane {
namespace {

// What tells clients behind one address apart: the program (in a browser, the page's origin) and its
// credentials.
constexpr std::array<std::string_view, 9> tenant_fields{
    "User-Agent",          "Origin",       "Authorization", "Cookie", "X-Api-Key", "Api-Key",
    "Proxy-Authorization", "X-Auth-Token", "X-Goog-Api-Key"};

// Parts with their lengths, so that no two lists of parts read alike.
std::uint64_t key_of(const Echo& echo, Tenant tenant, std::initializer_list<std::string_view> parts) {
  std::string all = std::to_string(tenant.value());
  for (const std::string_view part : parts) all.append(" ").append(std::to_string(part.size())).append(part);
  return echo.key_of(all);
}

Typist typist_of(const Echo& echo, Tenant tenant, std::string_view by, std::string_view what) {
  return Typist(key_of(echo, tenant, {by, what}));
}

// The conversation that a prompt quotes, without what is being typed; a template of one's own may not mark
// it.
std::string_view conversation_in(const BodyFacts& body) {
  const std::string_view prompt = prompt_text(body);
  const std::string_view history = quoted_history(prompt);
  if (history.data() != nullptr) return history;
  const std::optional<Typed> typed = typed_text(body);
  const std::size_t end =
      typed ? static_cast<std::size_t>(typed->text.data() - prompt.data()) : prompt.size();
  return prompt.substr(0, end);
}

void know_editor(const TypistInput& input, bool in_new_chat, Classification& result) {
  const bool known = result.typist_by == TypistEvidence::header || !input.named_chat.empty();
  if (in_new_chat && !known) return;  // anybody behind the tenant may type there
  const std::optional<Typed> typed = typed_text(input.body);
  const std::string_view kind = typed ? typed->type : std::string_view();
  const std::string_view history = in_new_chat ? std::string_view() : conversation_in(input.body);
  result.editor = Editor(key_of(input.echo, result.tenant, {history, kind, input.named_chat}));
}

}  // namespace

std::string_view named_chat(const RequestHead& head, const std::vector<std::shared_ptr<const Pack>>& packs) {
  for (const auto& pack : packs)
    for (const std::string& name : pack->chat_headers)
      if (const std::string* const value = head.field(name); value != nullptr) return *value;
  return {};
}

void know_tenant(const Echo& echo, const RequestHead& head, std::string_view client,
                 const std::vector<std::shared_ptr<const Pack>>& packs, Classification& result) {
  constexpr std::size_t usual_length = 256;
  std::string all;
  all.reserve(usual_length);
  all.append(client);
  const auto add = [&](std::string_view name) {
    const std::string* const value = head.field(name);
    if (value == nullptr || value->empty()) return false;
    all.append("\n").append(name).append(": ").append(*value);
    return true;
  };
  for (const std::string_view name : tenant_fields) add(name);
  bool person = false;
  for (const auto& pack : packs)
    for (const std::string& name : pack->typist_headers) person = add(name) || person;
  result.tenant = Tenant(echo.key_of(all));
  if (!person) return;
  result.typist = typist_of(echo, result.tenant, "person", {});
  result.typist_by = TypistEvidence::header;
}

void know_typist_of_chat(const TypistInput& input, Classification& result) {
  if (result.typist.known()) return;
  const auto from_user = [](const Message& message) { return message.role == Role::user; };
  const std::vector<Message>& messages = input.body.messages;
  const auto first = std::find_if(messages.begin(), messages.end(), from_user);
  if (first == messages.end()) return;
  result.typist = typist_of(input.echo, result.tenant, "chat", own_words(first->text));
  result.typist_by = TypistEvidence::chat;
  if (std::count_if(messages.begin(), messages.end(), from_user) == 1)
    result.newcomer = typist_of(input.echo, result.tenant, "address", {});
}

void know_typist_of_task(const TypistInput& input, const std::optional<Quote>& quote,
                         Classification& result) {
  const std::string_view conversation = conversation_in(input.body);
  const std::optional<std::string_view> first = said_first(conversation);
  const bool keystroke = result.request_class == RequestClass::autocomplete;
  const std::string_view marked = quoted_history(prompt_text(input.body));
  const bool in_new_chat = !first && marked.data() != nullptr && trimmed(marked).empty();
  if (keystroke && (first || in_new_chat)) know_editor(input, in_new_chat, result);
  if (result.typist.known()) return;
  if (in_new_chat) result.typist = typist_of(input.echo, result.tenant, "address", {});
  // What is typed may itself repeat a message of somebody else's: for a keystroke only the history counts.
  const bool by_quote = quote && !keystroke;
  if (!first && !by_quote) return;
  const std::optional<ChatOwner> owner =
      first ? input.echo.owner_of(result.tenant, *first, input.now) : std::nullopt;
  if (owner && owner->typist.known())
    result.typist = owner->typist;
  else if (by_quote && quote->owner.typist.known())
    result.typist = quote->owner.typist;
  else if (first)
    result.typist = typist_of(input.echo, result.tenant, "chat", own_words(*first));
  result.typist_by = TypistEvidence::chat;
}

Conversation conversation_of(const Echo& echo, Tenant tenant, const BodyFacts& body) {
  std::vector<std::uint64_t> links;
  links.reserve(body.messages.size());
  std::uint64_t link = tenant.value();
  for (const Message& message : body.messages) {
    if (message.has_other_parts) return {};
    const std::array<std::uint64_t, 3> parts{link, static_cast<std::uint64_t>(message.role),
                                             echo.key_of(message.text)};
    link = echo.key_of({reinterpret_cast<const char*>(parts.data()), sizeof parts});
    links.push_back(link);
  }
  return Conversation(std::move(links));
}

}  // namespace tasklane
