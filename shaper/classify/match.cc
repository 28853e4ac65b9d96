#include "shaper/classify/match.h"

#include <re2/re2.h>

#include <algorithm>

#include "shaper/base/holds.h"
#include "shaper/base/trimmed.h"
#include "shaper/classify/shown_object.h"

namespace tasklane {
namespace {

// Patterns run over bounded windows, so that a long prompt costs no more than a short one. Plain text is
// searched for everywhere.
constexpr std::size_t start_window = 4U << 10;
constexpr std::size_t tail_window = 1U << 10;
constexpr std::size_t instructions_window = 16U << 10;
constexpr std::size_t system_window = 256U << 10;  // tool lists are long, and the contract stands behind them

std::string_view last_bytes(std::string_view text, std::size_t count) {
  return text.substr(text.size() - std::min(count, text.size()));
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::string_view window(Where where, const Prompt& prompt) {
  switch (where) {
    case Where::start:
      return prompt.trimmed.substr(0, start_window);
    case Where::end:
    case Where::tail:
      return last_bytes(prompt.trimmed, tail_window);
    case Where::instructions:
      return prompt.instructions;
    case Where::anywhere:
      return prompt.trimmed;
    case Where::system_start:
      return trimmed(prompt.system).substr(0, start_window);
    case Where::system:
      return prompt.system.substr(0, system_window);
  }
  return {};
}

bool shows_pattern(const Mark& mark, std::string_view text) {
  switch (mark.where) {
    case Where::start:
    case Where::system_start:
      return mark.pattern->Match(piece(text), 0, text.size(), re2::RE2::ANCHOR_START, nullptr, 0);
    case Where::end: {
      // The pattern has to reach the end: RE2 anchors there only together with the start.
      return re2::RE2::PartialMatch(piece(text), *mark.pattern);
    }
    case Where::anywhere: {
      const std::string_view head = text.substr(0, instructions_window);
      return mark.pattern->Match(piece(head), 0, head.size(), re2::RE2::UNANCHORED, nullptr, 0) ||
             (head.size() < text.size() &&
              re2::RE2::PartialMatch(piece(last_bytes(text, instructions_window)), *mark.pattern));
    }
    default:
      return mark.pattern->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
  }
}

std::string_view name_of(Where where) {
  switch (where) {
    case Where::start:
      return "the start";
    case Where::end:
      return "the end";
    case Where::instructions:
      return "the instructions";
    case Where::tail:
      return "the tail";
    case Where::anywhere:
      return "the prompt";
    case Where::system_start:
      return "the start of the system message";
    case Where::system:
      return "the system message";
  }
  return "";
}

}  // namespace

bool single_prompt(const BodyFacts& body) {
  const auto& messages = body.messages;
  if (messages.size() == 1) return messages[0].role == Role::user;
  return messages.size() == 2 && messages[0].role == Role::system && messages[1].role == Role::user;
}

Prompt prompt_of(const BodyFacts& body, const Pack& pack) {
  Prompt prompt;
  const auto& messages = body.messages;
  if (!messages.empty() && messages.front().role == Role::system) prompt.system = messages.front().text;
  const auto last =
      std::find_if(messages.rbegin(), messages.rend(), [](const Message& m) { return m.role == Role::user; });
  if (last != messages.rend()) prompt.text = last->text;
  prompt.trimmed = trimmed(prompt.text);
  prompt.instructions = prompt.trimmed.substr(0, instructions_window);
  std::size_t opens = prompt.instructions.size();
  for (const std::string& opening : pack.history_opens)
    opens = std::min(opens, prompt.instructions.find(opening));
  prompt.instructions = prompt.instructions.substr(0, opens);
  return prompt;
}

KeyOrder key_order(const Shape& shape, const BodyFacts& body, Dialect dialect) {
  const auto& list = shape.model_first;
  if (body.model_first || std::find(list.begin(), list.end(), dialect) == list.end())
    return KeyOrder::front_ends;
  return body.stream_first ? KeyOrder::web_page : KeyOrder::other;
}

bool shape_fits(const Shape& shape, const BodyFacts& body, Dialect dialect) {
  if (key_order(shape, body, dialect) == KeyOrder::web_page) return false;
  const auto lists = [&](const std::vector<Dialect>& list) {
    return std::find(list.begin(), list.end(), dialect) != list.end();
  };
  if (!shape.dialects.empty() && !lists(shape.dialects)) return false;
  if (shape.stream && *shape.stream != body.streamed) return false;
  if (shape.tools && *shape.tools != body.has_tools) return false;
  return !shape.images || *shape.images == body.has_images;
}

std::string describe(const Mark& mark) {
  if (!mark.asks.empty())
    return std::string(name_of(mark.where)) + " asks for an object with the key \"" + mark.asks +
           "\" and no other";
  const std::string_view verb = mark.pattern ? " matches /" : " has \"";
  return std::string(name_of(mark.where)) + std::string(verb) + mark.text + (mark.pattern ? "/" : "\"");
}

bool shows(const Mark& mark, const Prompt& prompt) {
  const std::string_view text = window(mark.where, prompt);
  if (!mark.asks.empty() && !holds(text, mark.asks)) return false;  // sooner than a look at all objects
  if (!mark.asks.empty()) return asks_exactly(text.substr(0, system_window), mark.asks);
  if (mark.pattern) return shows_pattern(mark, text);
  switch (mark.where) {
    case Where::start:
    case Where::system_start:
      return text.starts_with(mark.text);
    case Where::end:
      return text.ends_with(mark.text);
    default:
      return holds(text, mark.text);
  }
}

EntryResult hold_against(const PackEntry& entry, const Prompt& prompt) {
  EntryResult result;
  for (const Mark& mark : entry.marks) {
    if (!shows(mark, prompt)) {
      result.missing = &mark;
      return result;
    }
    ++result.shown;
  }
  for (const Mark& veto : entry.vetoes) {
    if (!shows(veto, prompt)) continue;
    result.veto = &veto;
    return result;
  }
  result.matches = true;
  return result;
}

namespace {

// The key alone, in the quotation marks that people use, where the text speaks of JSON.
bool names_key(std::string_view text, const std::string& key) {
  constexpr std::string_view marks[][2] = {{"\"", "\""},         {"'", "'"},           {"`", "`"},
                                           {"\u201c", "\u201d"}, {"\u201e", "\u201c"}, {"\u00ab", "\u00bb"},
                                           {"\u300c", "\u300d"}};
  return std::any_of(std::begin(marks), std::end(marks), [&](const auto& mark) {
    return holds(text, std::string(mark[0]) + key + std::string(mark[1]));
  });
}

bool speaks_of_json(std::string_view text) { return holds(text, "JSON") || holds(text, "json"); }

}  // namespace

std::optional<RequestClass> exact_contract(std::initializer_list<std::string_view> places) {
  struct Own {
    std::string_view key;
    RequestClass request_class;
  };
  constexpr Own own[]{{"title", RequestClass::title},
                      {"tags", RequestClass::tags},
                      {"follow_ups", RequestClass::follow_up},
                      {"queries", RequestClass::query}};
  std::optional<RequestClass> asked;
  for (const std::string_view place : places) {
    for (const ShownObject& object : shown_objects(place.substr(0, instructions_window))) {
      if (object.keys.size() != 1 || object.in_array || !object.whole) return std::nullopt;
      const ShownKey& key = object.keys.front();
      const auto found =
          std::find_if(std::begin(own), std::end(own), [&](const Own& each) { return each.key == key.name; });
      if (found == std::end(own) || !has_type_of(key)) return std::nullopt;
      if (asked && *asked != found->request_class) return std::nullopt;
      asked = found->request_class;
    }
  }
  return asked;
}

Asked what_it_asks(std::string_view text, const std::vector<std::shared_ptr<const Pack>>& packs) {
  text = text.substr(0, instructions_window);
  Asked shown;  // the key of an object that the prompt shows
  Asked named;
  std::size_t first = text.size();
  const bool json = speaks_of_json(text);
  for (const auto& pack : packs) {
    for (const Contract& contract : pack->contracts) {
      for (const Mark& mark : contract.asks) {
        if (!holds(text, mark.asks)) continue;
        re2::StringPiece found;
        if (mark.pattern->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &found, 1)) {
          const auto at = static_cast<std::size_t>(found.data() - text.data());
          if (shown.mark != nullptr && at >= first) continue;
          first = at;
          shown = {contract.request_class, &mark};
        } else if (json && named.mark == nullptr && names_key(text, mark.asks)) {
          named = {contract.request_class, &mark};
        }
      }
    }
  }
  return shown.mark != nullptr ? shown : named;
}

}  // namespace tasklane
