#include "tools/observe/replay_order.h"

#include <algorithm>

namespace tasklane::observe {

const std::vector<ReplayOrder::Follower>& ReplayOrder::of(const Followers& followers, std::size_t place) {
  static const std::vector<Follower> none;
  const auto found = followers.find(place);
  return found == followers.end() ? none : found->second;
}

ReplayOrder::ReplayOrder(const Trace& trace) : trace_(trace), linked_(trace.requests.size()) {
  std::map<RequestId, std::size_t> places;
  std::map<Tenant, std::vector<std::size_t>> chats;
  for (std::size_t i = 0; i < trace_.requests.size(); ++i) {
    places[trace_.requests[i].id] = i;
    if (trace_.requests[i].request_class() == RequestClass::chat)
      chats[trace_.requests[i].found.tenant].push_back(i);
  }
  for (std::size_t i = 0; i < trace_.requests.size(); ++i) {
    const ObservedRequest& request = trace_.requests[i];
    if (request.request_class() != RequestClass::chat) {
      link_task(i, chats);
      continue;
    }
    const auto before = request.prefix ? places.find(request.prefix->earlier) : places.end();
    if (before == places.end() || before->second >= i) continue;
    const ObservedRequest& earlier = trace_.requests[before->second];
    if (*earlier.ended > request.whole) continue;
    behind_[before->second].push_back({i, request.whole - *earlier.ended});
    linked_[i] = true;
  }
}

void ReplayOrder::link_task(std::size_t place, const std::map<Tenant, std::vector<std::size_t>>& chats) {
  constexpr Duration beside = std::chrono::milliseconds(400), behind = std::chrono::minutes(2);
  const ObservedRequest& task = trace_.requests[place];
  const auto found = chats.find(task.found.tenant);
  if (found == chats.end()) return;
  // The chats around it, nearest first.
  const auto after = std::lower_bound(found->second.begin(), found->second.end(), place);
  if (after != found->second.end() && trace_.requests[*after].whole - task.whole <= beside) {
    beside_[*after].push_back({place, task.whole - trace_.requests[*after].whole});
    linked_[place] = true;
    return;
  }
  if (after == found->second.begin()) return;
  const std::size_t chat = *std::prev(after);
  const ObservedRequest& before = trace_.requests[chat];
  if (task.whole - before.whole <= beside) {
    beside_[chat].push_back({place, task.whole - before.whole});
    linked_[place] = true;
  } else if (*before.ended <= task.whole && task.whole - *before.ended <= behind) {
    behind_[chat].push_back({place, task.whole - *before.ended});
    linked_[place] = true;
  }
}

}  // namespace tasklane::observe
