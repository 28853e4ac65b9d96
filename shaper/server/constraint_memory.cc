#include "shaper/server/constraint_memory.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::size_t most = 256;
constexpr Duration known_for = std::chrono::hours(1);

}  // namespace

Constraints ConstraintMemory::taken(const std::string& where, Time now) const {
  const auto found = known_.find(where);
  return found == known_.end() || now >= found->second.until ? Constraints{} : found->second.taken;
}

void ConstraintMemory::remember(const std::string& where, Constraints taken, Time now) {
  if (known_.size() >= most && !known_.contains(where))
    known_.erase(std::min_element(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
      return a.second.until < b.second.until;
    }));
  known_[where] = {taken, now + known_for};
}

}  // namespace tasklane
