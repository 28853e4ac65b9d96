#include "shaper/task/rewarm.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

constexpr std::string_view person_text = ".";

void ask_one_token(OrderedJson& body, Dialect dialect) {
  set_token_limit(body, dialect, 1);
  ask_for_stream(body, dialect);
  for (const std::string_view key : {"n", "best_of"}) body.erase(key);
}

bool leads(const OrderedJson& message) {
  if (!message.is_object()) return false;
  const OrderedJson* role = member(message, "role");
  return role != nullptr && (*role == "system" || *role == "developer");
}

// Nothing where the body has no messages (or, of /api/generate and /completions, no prompt).
std::optional<std::string> common_part(const PrewarmSource& chat) {
  auto parsed = parse_object(chat.body);
  if (!parsed) return std::nullopt;
  OrderedJson& body = *parsed;
  if (dialect_row(chat.dialect).prompt == PromptPlace::lone) {
    if (member(body, "prompt") == nullptr) return std::nullopt;
    body["prompt"] = person_text;
    for (const std::string_view key : {"images", "suffix", "context"}) body.erase(key);
  } else {
    OrderedJson* messages = member(body, "messages");
    if (messages == nullptr || !messages->is_array()) return std::nullopt;
    OrderedJson leading = OrderedJson::array();
    for (const OrderedJson& message : *messages) {
      if (!leads(message)) break;
      leading.push_back(message);
    }
    leading.push_back({{"role", "user"}, {"content", person_text}});
    *messages = std::move(leading);
  }
  for (const std::string_view key : {"format", "response_format", "tool_choice", "user", "chat_id"})
    body.erase(key);
  ask_one_token(body, chat.dialect);
  return to_wire_json(body);
}

}  // namespace

Result<std::string> rewarm_body(std::string_view chat, Dialect dialect, std::string_view answer) {
  auto parsed = parse_object(chat);
  if (!parsed) return parsed.error();
  OrderedJson* messages = member(*parsed, "messages");
  if (messages != nullptr && messages->is_array() && !answer.empty())
    messages->push_back({{"role", "assistant"}, {"content", answer}});
  ask_one_token(*parsed, dialect);
  return Result<std::string>(boost::system::in_place_value, to_wire_json(*parsed));
}

bool unloads(const BodyFacts& request) {
  if (!request.load_options.keep_alive) return false;
  // JSON text: a number of seconds, or a duration such as "0s" or "10m".
  const std::string& kept = *request.load_options.keep_alive;
  return std::none_of(kept.begin(), kept.end(), [](char c) { return c >= '1' && c <= '9'; });
}

bool stays_loaded(const BodyFacts& chat) { return !chat.model.ends_with("cloud") && !unloads(chat); }

std::vector<PrewarmRequest> prewarm_requests(const std::vector<PrewarmSource>& chats, std::size_t most) {
  std::vector<PrewarmRequest> requests;
  for (const PrewarmSource& chat : chats) {
    if (requests.size() >= most) break;
    std::optional<std::string> body = common_part(chat);
    if (!body) continue;
    const bool known = std::any_of(requests.begin(), requests.end(), [&](const PrewarmRequest& other) {
      return other.dialect == chat.dialect && other.body == *body;
    });
    if (!known) requests.push_back({std::move(*body), chat.dialect});
  }
  return requests;
}

}  // namespace tasklane
