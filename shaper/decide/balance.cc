#include "shaper/decide/balance.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace tasklane {
namespace {

using Place = std::vector<const Upstream*>::iterator;

constexpr std::uint64_t mixed(std::uint64_t value) {  // splitmix64's finaliser
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

std::uint64_t hash_of(std::uint64_t key, std::string_view name) {
  std::uint64_t hash = mixed(key + 0x9e3779b97f4a7c15ULL);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mixed(hash);
}

class Addresses {
 public:
  Addresses(const BalanceInput& input, Place begin, Place end) : input_(input), begin_(begin), end_(end) {}

  void order() {
    const auto fit = std::stable_partition(begin_, end_, [&](const Upstream* each) { return is_fit(*each); });
    const Place chosen = choose(begin_, fit == begin_ ? end_ : fit);
    std::rotate(begin_, chosen, std::next(chosen));
    if (fit != begin_)
      std::stable_sort(std::next(begin_), fit,
                       [&](const Upstream* a, const Upstream* b) { return busy(*a) < busy(*b); });
  }

 private:
  [[nodiscard]] bool is_fit(const Upstream& upstream) const {
    const UpstreamPage* const page = input_.book.known({upstream.name});
    return page == nullptr || page->health->may_try(input_.now);
  }
  [[nodiscard]] std::size_t busy(const Upstream& upstream) const {
    const UpstreamPage* const page = input_.book.known({upstream.name});
    return page == nullptr ? 0 : page->in_flight();
  }

  // Where its prompt is: the highest of the hashes of chat and address, so that another address more or less
  // moves no more chats than it must.
  [[nodiscard]] Place home(Place from, Place to) const {
    return std::max_element(from, to, [&](const Upstream* a, const Upstream* b) {
      return hash_of(input_.chat, a->name) < hash_of(input_.chat, b->name);
    });
  }

  // The less busy one of two that are drawn.
  [[nodiscard]] Place less_busy(Place from, Place to) const {
    const auto count = static_cast<std::uint64_t>(to - from);
    if (count == 1) return from;
    const std::uint64_t drawn = mixed(input_.draw + 0x9e3779b97f4a7c15ULL);
    const std::uint64_t first = drawn % count;
    const std::uint64_t other = (first + 1 + (drawn >> 32U) % (count - 1)) % count;
    const Place one = from + static_cast<std::ptrdiff_t>(first);
    const Place two = from + static_cast<std::ptrdiff_t>(other);
    return busy(**two) < busy(**one) ? two : one;
  }

  [[nodiscard]] Place choose(Place from, Place to) const {
    const Place other = less_busy(from, to);
    if (input_.chat == 0) return other;
    const Place known = home(from, to);
    return busy(**known) > busy(**other) + far_busier ? other : known;
  }

  const BalanceInput& input_;
  Place begin_;
  Place end_;
};

}  // namespace

void balance(std::vector<const Upstream*>& route, const BalanceInput& input) {
  for (auto from = route.begin(); from != route.end();) {
    const auto to = std::find_if(std::next(from), route.end(), [&](const Upstream* each) {
      return (*from)->group.empty() || each->group != (*from)->group;
    });
    if (std::next(from) != to) Addresses(input, from, to).order();
    from = to;
  }
}

bool serves_as_well(Book& book, const Upstream& upstream, const Upstream& next, Time now) {
  return !upstream.group.empty() && next.group == upstream.group &&
         book.upstream({next.name}).health->may_try(now);
}

}  // namespace tasklane
