// Which prompts a server of several slots still has in them, as far as its work is known. It gives a prompt
// that begins as one of them does that one's slot, and any other the slot that was used longest ago. Tasks of
// a kind begin alike, so each kind has a slot of its own from its first one on: as many kinds as there are
// slots are there, and the next one takes the place of the one that was used longest ago.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "shaper/base/request_class.h"

namespace tasklane {

class SlotsUsed {
 public:
  // A request of this kind was launched, or ended, on a server of so many slots. What is of no known kind
  // begins as nothing else does.
  void used(RequestClass kind, std::size_t slots) {
    if (kind != RequestClass::task) std::erase(last_, kind);
    last_.insert(last_.begin(), kind);
    if (last_.size() > slots) last_.resize(slots);
  }
  // Nothing is known of this kind's slot any more.
  void forget(RequestClass kind) { std::erase(last_, kind); }
  [[nodiscard]] bool holds(RequestClass kind) const {
    return kind != RequestClass::task && std::find(last_.begin(), last_.end(), kind) != last_.end();
  }
  // Whether a slot is given away next, and it is this kind's.
  [[nodiscard]] bool gives_away(RequestClass kind, std::size_t slots) const {
    return last_.size() >= slots && last_.back() == kind;
  }

 private:
  std::vector<RequestClass> last_;  // the one that was used last first
};

}  // namespace tasklane
