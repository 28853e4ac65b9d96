// Which address of an upstream that lists several is asked first. One chat's tasks stay with the one that
// has its prompt in the cache, unless that is down or far busier; what belongs to no chat goes to the less
// busy one of two. Pure: chance is an argument.
#pragma once

#include <cstdint>
#include <vector>

#include "shaper/base/time.h"
#include "shaper/decide/config.h"
#include "shaper/server/book.h"

namespace tasklane {

struct BalanceInput {
  const Book& book;
  std::uint64_t chat = 0;  // a keyed hash of whose chat it is; 0: of none
  std::uint64_t draw = 0;  // another for each request
  Time now{};
};

// Puts the addresses of each such upstream, which stand side by side in a route, in the order in which they
// are to be asked: the chosen one, the others that are up by what they have to do, and those that are down.
void balance(std::vector<const Upstream*>& route, const BalanceInput& input);

// So many requests more than another's let a chat leave the address that knows its prompt: by then waiting
// for them takes longer than reading it anew.
inline constexpr std::size_t far_busier = 2;

// Whether `next` is another address of the same upstream, and up: then nobody need wait long for this one.
[[nodiscard]] bool serves_as_well(Book& book, const Upstream& upstream, const Upstream& next, Time now);

}  // namespace tasklane
