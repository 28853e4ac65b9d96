// Holds a request against the entries of a pack: which of them it shows all marks of, and why not the others.
#pragma once

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

// What the prompt asks for by its JSON contract: the mark that stands first in `text` decides.
struct Asked {
  RequestClass request_class = RequestClass::task;
  const Mark* mark = nullptr;  // null: it asks for none of them
};
Asked what_it_asks(std::string_view text, const std::vector<std::shared_ptr<const Pack>>& packs);

}  // namespace tasklane
