// What the agent tells people of the upstreams that it may send to.
#include <spdlog/spdlog.h>

#include <utility>

#include "userspace/agent/parts.h"

namespace tasklane {

// Nobody is to be surprised by it.
void Agent::Parts::tell_what_leaves() const {
  for (const OffHost& each : sent_off_host(*config)) spdlog::warn("{}", each.text());
}

std::vector<UpstreamState> Agent::Parts::upstream_states() const {
  std::map<std::string, std::string> leaves;
  for (const OffHost& each : sent_off_host(*config)) leaves[each.upstream] = each.classes_text();
  std::vector<UpstreamState> states;
  for (const auto& [name, upstream] : config->upstreams) {
    if (upstream.original) continue;
    UpstreamState state{name, std::string(to_text(Health::State::closed))};
    if (upstream.service) state.price = upstream.service->price;
    if (const UpstreamPage* const page = relay->book.known({name})) {
      state.health = to_text(page->health->state(now()));
      state.openings = page->health->openings();
      state.paid_last_day = page->spending.last_day(now());
      state.paid = page->spending.all();
    }
    if (const auto left = leaves.find(name); left != leaves.end()) state.sent_off_host = left->second;
    states.push_back(std::move(state));
  }
  return states;
}

void Agent::Parts::tell_changed_upstreams() {
  const std::uint64_t refusals = relay->statistics.relay().priority_refused;
  if (std::exchange(priority_refusals, refusals) != refusals)
    spdlog::warn(
        "a server refuses the priorities of tasks: for an hour they wait for its chats. Was it started with "
        "--scheduling-policy priority (vLLM), or --enable-priority-scheduling --default-priority-value 0 "
        "(SGLang)?");
  for (const UpstreamState& state : upstream_states()) {
    std::string& told = upstream_health[state.name];
    if (told == state.health || (told.empty() && state.health == "up")) {
      told = state.health;
      continue;
    }
    told = state.health;
    if (told == "up")
      spdlog::info("upstream '{}' is up again", state.name);
    else
      spdlog::warn("upstream '{}' is {}: the next of each route serves", state.name, told);
  }
}

}  // namespace tasklane
