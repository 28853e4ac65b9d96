// Whether a prompt's own words are, from first to last, those of a template that the front end ships: then
// its numbers of items and its lengths are known. Somebody's own may ask for more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tasklane {

struct PackEntry;  // shaper/classify/pack.h
struct Prompt;     // shaper/classify/match.h

// A print of instructions, white space around them, a leading "/no_think" and dates (2026-11-27) aside: XXH3,
// 64 bits, no key, for it is written into packs.
std::uint64_t wording_of(std::string_view instructions);

// As a pack has it: sixteen digits. Nothing where it is anything else.
std::optional<std::uint64_t> wording_from(std::string_view digits);
std::string to_digits(std::uint64_t wording);

// Whether the prompt, which matches the entry, is worded as the front end ships it.
bool worded_as_shipped(const PackEntry& entry, const Prompt& prompt);

}  // namespace tasklane
