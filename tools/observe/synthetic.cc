#include "tools/observe/synthetic.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/dialect/json_body.h"

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

// Words of a part's bytes. The words of a block that is cut at its end are told by the block before: what is
// behind the cut changes nothing before it.
std::string text_between(const PromptPart& part, std::size_t from, std::size_t to, double bytes_per_token) {
  std::string text;
  double owed = 0;  // fractions of tokens
  std::uint64_t seed = 0;
  std::size_t at = 0;
  for (const std::uint32_t block : part.blocks) {
    const std::size_t end = std::min<std::size_t>(part.bytes, at + PromptPrint::block_at(at));
    const std::size_t begin = std::max(at, from), until = std::min(end, to);
    at = end;
    if (until <= begin) continue;
    seed = until == end ? block : seed + 1;
    owed += static_cast<double>(until - begin) / bytes_per_token;
    const auto tokens = static_cast<std::size_t>(owed);
    owed -= static_cast<double>(tokens);
    append_words(text, seed, tokens);
  }
  if (owed > 0.5) append_words(text, seed + 1, 1);
  return text;
}

// As long as the message that is known by its hash alone.
PromptPart part_of(const QuotedLine& line) {
  PromptPart part{PartRole::assistant, line.bytes, line.hash, {}};
  for (std::size_t at = 0; at < line.bytes; at += PromptPrint::block_at(at))
    part.blocks.push_back(static_cast<std::uint32_t>(mixed(line.hash + at)));
  return part;
}

// Takes the end off.
std::string shortened(std::string text, std::size_t bytes) {
  text.resize(text.size() - std::min(text.size(), bytes));
  return text;
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
  find_quoted(trace);
}

// The same words are the same text wherever they are said: as a chat said them first.
void Synthetic::find_quoted(const Trace& trace) {
  for (const ObservedRequest& chat : trace.requests) {
    if (chat.request_class() != RequestClass::chat) continue;
    for (const PromptPart& part : chat.prompt.parts)
      if (part.role == PartRole::user || part.role == PartRole::assistant)
        said_.try_emplace({part.hash, part.bytes}, part);
  }
  for (const ObservedRequest& task : trace.requests) {
    if (task.request_class() == RequestClass::chat) continue;
    for (std::size_t i = 0; i < task.quotes.size(); ++i) {
      const QuotedLine& line = task.quotes[i];
      const bool in_no_chat = said_.try_emplace({line.hash, line.bytes}, part_of(line)).second;
      if (in_no_chat && !line.by_person && i > 0)
        answer_behind_[{task.found.tenant.value(), task.quotes[i - 1].hash}] = line;
    }
  }
}

const PromptPart& Synthetic::said(const PromptPart& part) const {
  const auto found = said_.find({part.hash, part.bytes});
  return found == said_.end() ? part : found->second;
}

std::string Synthetic::text(const PromptPart& part, double bytes_per_token) {
  return text_between(part, 0, part.bytes, bytes_per_token);
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
  const std::vector<PromptPart>& asked = request.prompt.parts;
  if (const auto next = next_turn_.find(request.id); next != next_turn_.end()) {
    const std::vector<PromptPart>& parts = next->second->prompt.parts;
    const bool answered = asked.size() < parts.size() && parts[asked.size()].role == PartRole::assistant;
    return answered ? &said(parts[asked.size()]) : nullptr;
  }
  if (asked.empty() || request.request_class() != RequestClass::chat) return nullptr;
  const auto found = answer_behind_.find({request.found.tenant.value(), asked.back().hash});
  return found == answer_behind_.end() ? nullptr : &said_.at({found->second.hash, found->second.bytes});
}

// A task's last user message. What it asks for stands at its beginning, where all of its class have it; what
// is typed, at its end, behind as much as stands before a shorter text of the same typist. The text stays as
// long as it was.
std::string Synthetic::told(const ObservedRequest& request, const PromptPart& part, std::string_view begins,
                            double bytes_per_token) {
  std::string ends;
  if (request.typed.bytes > 0) ends = "<type>General</type>\n<text>" + typed(request) + "</text>";
  const std::size_t until = part.bytes - std::min<std::size_t>(part.bytes, ends.size());
  const std::vector<QuotedLine>& lines = request.quotes;
  if (lines.empty() || request.request_class() == RequestClass::chat)
    return std::string(begins) +
           shortened(text_between(said(part), 0, until, bytes_per_token), begins.size()) + ends;
  constexpr std::string_view open = "<chat_history>\n", close = "</chat_history>\n";
  std::string content(begins);
  content += shortened(text_between(part, 0, lines.front().at, bytes_per_token), begins.size() + open.size());
  content += open;
  for (const QuotedLine& line : lines)
    content.append(label_of(line))
        .append(text(said_.at({line.hash, line.bytes}), bytes_per_token))
        .append("\n");
  content += close;
  content += shortened(text_between(part, end_of(lines.back()), until, bytes_per_token), close.size());
  return content + ends;
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
    if (part.role == PartRole::tools) {
      body["tools"] =
          Json::array({{{"type", "function"}, {"function", {{"name", text(part, bytes_per_token)}}}}});
      continue;
    }
    const bool asks = !key.empty() && (in_system ? part.role == PartRole::system : i == last_user);
    const std::string begins = asks ? padded("{\"" + std::string(key) + "\": ...}") : std::string();
    std::string content = i == last_user
                              ? told(request, part, begins, bytes_per_token)
                              : begins + shortened(text(said(part), bytes_per_token), begins.size());
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
  return to_wire_json(body);
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
