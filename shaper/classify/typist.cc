#include "shaper/classify/typist.h"

#include <algorithm>

#include "shaper/dialect/quoted.h"

namespace tasklane {
namespace {

TypistKey behind_address(const TypistInput& input, std::uint64_t key) {
  return key ^ (input.echo.key_of(input.client) << 1U);
}

void known_by_chat(TypistKey key, Classification& result) {
  result.typist = key;
  result.typist_by = TypistEvidence::chat;
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

}  // namespace

void know_address(const Echo& echo, std::string_view client, Classification& result) {
  if (result.typist == 0) result.typist = echo.key_of(client);
}

void know_typist_of_chat(const TypistInput& input, Classification& result) {
  const auto from_user = [](const Message& message) { return message.role == Role::user; };
  const std::vector<Message>& messages = input.body.messages;
  const auto first = std::find_if(messages.begin(), messages.end(), from_user);
  if (first == messages.end()) return;
  const std::uint64_t words = input.echo.key_of(own_words(first->text));
  if (result.typist == 0) {
    known_by_chat(behind_address(input, words), result);
    if (std::count_if(messages.begin(), messages.end(), from_user) == 1)
      result.newcomer = input.echo.key_of(input.client);
  }
  if (result.chat == 0) result.chat = words ^ (result.typist << 1U);
}

void know_typist_of_task(const TypistInput& input, const std::optional<Quote>& quote,
                         Classification& result) {
  if (result.typist != 0) return;
  const std::string_view conversation = conversation_in(input.body);
  const std::optional<std::string_view> first = said_first(conversation);
  // What is typed may itself repeat a message of somebody else's: for a keystroke only the history counts.
  const bool keystroke = result.request_class == RequestClass::autocomplete;
  if (keystroke && first) result.editor = behind_address(input, input.echo.key_of(conversation));
  const std::uint64_t client = input.echo.key_of(input.client);
  const std::optional<ChatOwner> owner = first ? input.echo.owner_of(*first, input.now) : std::nullopt;
  if (owner && owner->client == client)
    known_by_chat(owner->typist, result);
  else if (!keystroke && quote && quote->owner.client == client)
    known_by_chat(quote->owner.typist, result);
  else if (first)
    known_by_chat(behind_address(input, input.echo.key_of(*first)), result);
}

}  // namespace tasklane
