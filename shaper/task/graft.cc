#include "shaper/task/graft.h"

#include <optional>
#include <utility>

#include "shaper/base/trimmed.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/next_message.h"
#include "shaper/dialect/token_estimate.h"
#include "shaper/task/quoted_chat.h"

namespace tasklane {
namespace {

// Shorter words stand in many chats: then the time tells. Open WebUI asks for a title a few milliseconds
// before its chat, and for all else within three seconds behind it.
constexpr std::size_t telling_bytes = 24;
constexpr Duration together_with_chat = std::chrono::seconds(1);
constexpr Duration right_behind = std::chrono::seconds(3);
// Of an answer without a limit.
constexpr std::int64_t usual_answer = 512;

Error plain(const char* why) { return {why, "", "it is asked as it came"}; }

// What the task says beside its prompt; nothing: it is no [user] or [system, user].
std::optional<std::string> system_of(const OrderedJson& task) {
  const OrderedJson* messages = member(task, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty() || messages->size() > 2)
    return std::nullopt;
  if (messages->size() == 1) return std::string();
  const OrderedJson& first = messages->front();
  const bool system = first.is_object() && first.value("role", OrderedJson()) == "system";
  const OrderedJson* content = system ? member(first, "content") : nullptr;
  if (content == nullptr || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

bool says(const OrderedJson& chat, std::string_view system) {
  const OrderedJson* messages = member(chat, "messages");
  if (messages == nullptr || !messages->is_array()) return false;
  for (const OrderedJson& message : *messages) {
    const OrderedJson* content = message.is_object() ? member(message, "content") : nullptr;
    if (content != nullptr && content->is_string() &&
        content->get_ref<const std::string&>().find(system) != std::string::npos)
      return true;
  }
  return false;
}

// A title, tags and follow-ups are as good of the chat as it is now; and the front end shows them at its end.
QuoteWish wish_of(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::title:
    case RequestClass::tags:
    case RequestClass::follow_up:
      return {.next_message = false, .to_its_end = false};
    case RequestClass::query:
    case RequestClass::image_prompt:
      return {.next_message = true, .to_its_end = true};
    default:
      return {.next_message = false, .to_its_end = true};
  }
}

bool surely_this_chat(const Unquoted& unquoted, const GraftWish& wish) {
  if (unquoted.bytes >= telling_bytes) return true;
  const KeptChat& chat = wish.chat;
  const bool with_it = chat.arrived >= wish.arrived && chat.arrived - wish.arrived <= together_with_chat;
  const bool behind_it = wish.arrived >= chat.ended && wish.arrived - chat.ended <= right_behind;
  return with_it || behind_it;
}

// Ollama cuts a prompt that does not fit from its beginning on, and the cache is gone.
bool fits(const OrderedJson& chat, const Graft& graft, const OrderedJson& task, Dialect dialect) {
  const OrderedJson* options = member(chat, "options");
  const OrderedJson* context =
      options != nullptr && options->is_object() ? member(*options, "num_ctx") : nullptr;
  if (context == nullptr || !context->is_number()) return true;
  const auto answer = static_cast<double>(token_limit(task, dialect).value_or(usual_answer));
  const auto needed = static_cast<double>(graft.chat_tokens + graft.added_tokens) + answer;
  return needed <= context->get<double>();
}

}  // namespace

bool can_be_grafted(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::title:
    case RequestClass::tags:
    case RequestClass::follow_up:
    case RequestClass::emoji:
    case RequestClass::autocomplete:
    case RequestClass::memory_review:
    case RequestClass::image_prompt:
    case RequestClass::query:
      return true;
    default:
      return false;
  }
}

Result<Graft> graft(const GraftWish& wish) {
  const KeptChat& chat = wish.chat;
  if (!can_be_grafted(wish.request_class)) return plain("its class is about more than one chat");
  if (!chat.tenant.known() || chat.tenant != wish.tenant) return plain("the server's last chat is another's");
  if (chat.named_chat != wish.named_chat && chat.named_chat != 0 && wish.named_chat != 0)
    return plain("a header names another chat than the server's last one");
  if (wish.has_twins) return plain("several chats began with the same words, and nothing tells whose it is");
  if (chat.model != wish.model) return plain("the server's last chat is with another model");
  if (chat.dialect != wish.dialect || !takes_next_message(wish.dialect))
    return plain("the server's last chat was asked by another API");
  const std::string& answer = chat.answer.words();
  if (answer.empty()) return plain("the server's last chat has no answer in words");
  OrderedJson task = wish.task;
  std::optional<std::string> system = system_of(task);
  const std::string* prompt = system ? last_user_text(task, wish.dialect) : nullptr;
  if (prompt == nullptr) return plain("it is more than one prompt");
  Result<OrderedJson> body = parse_object(chat.body);
  if (!body) return body.error();
  std::vector<ChatText> said = texts_of(*body);
  said.push_back({false, answer});
  const Result<Unquoted> unquoted = without_quote(*prompt, said, wish_of(wish.request_class));
  if (!unquoted) return unquoted.error();
  if (!surely_this_chat(*unquoted, wish)) return plain("what it quotes is too short to tell the chat");
  std::string message = unquoted->text;
  if (!trimmed(*system).empty() && !says(*body, trimmed(*system))) message = *system + "\n\n" + message;

  Graft made;
  made.added_tokens = static_cast<std::size_t>(TokenEstimate().of(message));
  made.chat = chat.chat.value();
  made.chat_tokens = chat.tokens;
  if (!fits(*body, made, task, wish.dialect)) return plain("with the chat it would not fit the context");
  std::optional<OrderedJson> whole = with_next_message(std::move(*body), answer, message, task, wish.dialect);
  if (!whole) return plain("the server's last chat does not end with the person's message");
  made.json = std::move(*whole);
  return Result<Graft>(boost::system::in_place_value, std::move(made));
}

}  // namespace tasklane
