// Holds a request against the entries of a pack: which of them it shows all marks of, and why not the others.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/classify/pack.h"
#include "shaper/dialect/body.h"

namespace tasklane {

// The parts of a request that marks look at; views into its BodyFacts.
struct Prompt {
  std::string_view text;          // the last user message
  std::string_view trimmed;       // the same without white space around it
  std::string_view instructions;  // of `trimmed`, up to where the quoted conversation opens
  std::string_view system;        // the first message, where it is a system message
};

// Whether the messages are exactly [user] or [system, user].
bool single_prompt(const BodyFacts& body);

Prompt prompt_of(const BodyFacts& body, const Pack& pack);

// Where the shape says so, the front end writes `model` first in what it makes itself. Its web page writes
// `stream` first, and what a person pastes there is a chat; gateways built on SDKs have orders of their own.
enum class KeyOrder { front_ends, other, web_page };
KeyOrder key_order(const Shape& shape, const BodyFacts& body, Dialect dialect);

// The web page's order fits no shape that wants `model` first; others do.
bool shape_fits(const Shape& shape, const BodyFacts& body, Dialect dialect);

// In words, for explain: `start has "### Task:"`.
std::string describe(const Mark& mark);

bool shows(const Mark& mark, const Prompt& prompt);

// Why the entry does not match: null where it does. `missing` is the mark, or the veto that spoke against it.
struct EntryResult {
  bool matches = false;
  std::size_t shown = 0;  // marks found, in order, before the first one missing
  const Mark* missing = nullptr;
  const Mark* veto = nullptr;
};
EntryResult hold_against(const PackEntry& entry, const Prompt& prompt);

// The class whose exact contract the instructions in `places` ask for: each object that they show has one
// key, the same one everywhere, of a class's own name and type, and is no element of an array. Only keys that
// are a class's own count; "text" and "prompt" are anybody's.
std::optional<RequestClass> exact_contract(std::initializer_list<std::string_view> places);

// What the prompt speaks of, by the JSON keys of contracts, exact or not: the mark that stands first in
// `text` decides.
struct Asked {
  RequestClass request_class = RequestClass::task;
  const Mark* mark = nullptr;  // null: it asks for none of them
};
Asked what_it_asks(std::string_view text, const std::vector<std::shared_ptr<const Pack>>& packs);

}  // namespace tasklane
