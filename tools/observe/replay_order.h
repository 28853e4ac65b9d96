// When a replayed request comes: at its own time, or so long after another's arrival or end. A chat's next
// turn comes as long after the answer as it did; a task as long after its chat's answer, or beside its chat.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "tools/observe/trace.h"

namespace tasklane::observe {

class ReplayOrder {
 public:
  struct Follower {
    std::size_t place = 0;  // in the trace
    Duration delay{};
  };
  explicit ReplayOrder(const Trace& trace);

  // The request comes when it came, whatever becomes of others.
  [[nodiscard]] bool by_itself(std::size_t place) const { return !linked_[place]; }
  // What comes with it; a delay below zero: a moment earlier.
  [[nodiscard]] const std::vector<Follower>& beside(std::size_t place) const { return of(beside_, place); }
  // What comes behind its end.
  [[nodiscard]] const std::vector<Follower>& behind(std::size_t place) const { return of(behind_, place); }

 private:
  using Followers = std::map<std::size_t, std::vector<Follower>>;
  static const std::vector<Follower>& of(const Followers& followers, std::size_t place);
  void link_task(std::size_t place, const std::map<Tenant, std::vector<std::size_t>>& chats);

  const Trace& trace_;
  Followers beside_, behind_;
  std::vector<bool> linked_;
};

}  // namespace tasklane::observe
