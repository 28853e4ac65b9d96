#include "tools/observe/synthetic.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace tasklane::observe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t token = 4;  // bytes, as the simulated server counts

std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30U) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ value >> 27U) * 0x94D049BB133111EBULL;
  return value ^ value >> 31U;
}

// Three letters and a space for each token.
void append_words(std::string& to, std::uint64_t seed, std::size_t tokens) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEF";
  for (std::size_t i = 0; i < tokens; ++i) {
    const std::uint64_t word = mixed(seed * 1'000'003 + i);
    for (unsigned shift = 0; shift < 15; shift += 5) to += letters[word >> shift & 31U];
    to += ' ';
  }
}

const char* role_name(PartRole role) {
  switch (role) {
    case PartRole::system:
      return "system";
    case PartRole::assistant:
      return "assistant";
    case PartRole::tool:
      return "tool";
    default:
      return "user";
  }
}

// Whether the simulated server speaks it.
bool simulated(Dialect dialect) {
  return dialect == Dialect::ollama_chat || dialect == Dialect::ollama_generate ||
         dialect == Dialect::openai_chat || dialect == Dialect::openai_completions;
}

std::string padded(std::string text) {
  text.append((token - text.size() % token) % token, ' ');
  return text;
}

}  // namespace

Synthetic::Synthetic(const Trace& trace) {
  for (const ObservedRequest& request : trace.requests)
    if (request.prefix && request.prefix->earlier != 0 && !request.prefix->changed)
      next_turn_[request.prefix->earlier] = &request;
}

std::string Synthetic::text(const PromptPart& part, double bytes_per_token) {
  std::string text;
  std::size_t at = 0;
  double owed = 0;  // fractions of tokens
  for (const std::uint32_t block : part.blocks) {
    const std::size_t bytes = std::min(part.bytes - at, PromptPrint::block_at(at));
    at += bytes;
    owed += static_cast<double>(bytes) / bytes_per_token;
    const auto tokens = static_cast<std::size_t>(owed);
    owed -= static_cast<double>(tokens);
    append_words(text, block, tokens);
  }
  if (owed > 0.5 && !part.blocks.empty()) append_words(text, part.blocks.back() + 1ULL, 1);
  return text;
}

std::string Synthetic::path(const ObservedRequest& request) {
  return simulated(request.endpoint.dialect) ? request.path : "/v1/chat/completions";
}

// What somebody types: the text that it goes on from, and more.
const std::string& Synthetic::typed(const ObservedRequest& request) {
  std::string text;
  if (const auto before = typed_.find(request.typed.goes_on_from); before != typed_.end())
    text = before->second;
  while (text.size() < request.typed.bytes) append_words(text, request.id, 1);
  text.resize(request.typed.bytes);
  return typed_[request.id] = std::move(text);
}

const PromptPart* Synthetic::quoted_answer(const ObservedRequest& request) const {
  const auto next = next_turn_.find(request.id);
  if (next == next_turn_.end()) return nullptr;
  const std::vector<PromptPart>& parts = next->second->prompt.parts;
  const std::size_t place = request.prompt.parts.size();
  return place < parts.size() && parts[place].role == PartRole::assistant ? &parts[place] : nullptr;
}

std::string Synthetic::body(const ObservedRequest& request, double bytes_per_token) {
  Json body{{"model", request.model}, {"stream", request.stream}};
  const Dialect dialect =
      simulated(request.endpoint.dialect) ? request.endpoint.dialect : Dialect::openai_chat;
  const bool messages = dialect == Dialect::ollama_chat || dialect == Dialect::openai_chat;
  const std::string_view key = class_row(request.request_class()).contract.key;
  const bool in_system =
      class_row(request.request_class()).contract.named == AnswerContract::Named::in_system;
  Json list = Json::array();
  std::string prompt, system;
  std::size_t last_user = request.prompt.parts.size();
  for (std::size_t i = 0; i < request.prompt.parts.size(); ++i)
    if (request.prompt.parts[i].role == PartRole::user) last_user = i;
  for (std::size_t i = 0; i < request.prompt.parts.size(); ++i) {
    const PromptPart& part = request.prompt.parts[i];
    std::string content = text(part, bytes_per_token);
    if (part.role == PartRole::tools) {
      body["tools"] = Json::array({{{"type", "function"}, {"function", {{"name", content}}}}});
      continue;
    }
    // What a task asks for, at its beginning, where all of its class have it; what is typed, at its end. The
    // text stays as long as it was.
    std::string begins, ends;
    if (!key.empty() && (in_system ? part.role == PartRole::system : i == last_user))
      begins = padded("{\"" + std::string(key) + "\": ...}");
    if (request.typed.bytes > 0 && i == last_user)
      ends = "<type>General</type>\n<text>" + typed(request) + "</text>";
    content.resize(content.size() - std::min(content.size(), begins.size() + ends.size()));
    content = begins + content + ends;
    if (part.role == PartRole::system) system = content;
    if (part.role == PartRole::user) prompt = content;
    list.push_back({{"role", role_name(part.role)}, {"content", std::move(content)}});
  }
  if (messages) {
    body["messages"] = std::move(list);
  } else {
    if (!system.empty()) body["system"] = system;
    body["prompt"] = prompt;
  }
  if (request.token_limit && *request.token_limit >= 1) {
    if (is_ollama(dialect))
      body["options"]["num_predict"] = static_cast<std::int64_t>(*request.token_limit);
    else
      body["max_tokens"] = static_cast<std::int64_t>(*request.token_limit);
  }
  if (request.load_options != 0 && is_ollama(dialect))
    body["options"]["num_ctx"] = 2048 + static_cast<std::int64_t>(request.load_options % 1'000'000);
  return body.dump();
}

Conversation Synthetic::conversation(const ObservedRequest& request) {
  std::vector<std::uint64_t> links;
  std::uint64_t link = request.found.tenant.value();
  for (const PromptPart& part : request.prompt.parts) {
    if (part.role == PartRole::tools) continue;
    link = mixed(link ^ mixed(part.hash + static_cast<std::uint64_t>(part.role)));
    links.push_back(link);
  }
  return Conversation(std::move(links));
}

}  // namespace tasklane::observe
