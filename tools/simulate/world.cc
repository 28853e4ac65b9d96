#include "tools/simulate/world.h"

#include <algorithm>
#include <utility>

namespace tasklane::simulate {

void World::after(Duration delay, std::function<void()> action) {
  queue_.push({now_ + delay, ++order_, std::move(action)});
}

void World::run(Duration how_long) {
  const Time end = now_ + how_long;
  for (;;) {
    Time next = queue_.empty() ? Time::max() : queue_.top().at;
    for (const Part* part : parts_)
      if (const std::optional<Time> at = part->next()) next = std::min(next, *at);
    if (next > end) break;
    now_ = std::max(now_, next);
    for (Part* part : parts_) {
      const std::optional<Time> at = part->next();
      if (at && *at <= now_) part->advance(now_);
    }
    while (!queue_.empty() && queue_.top().at <= now_) {
      const std::function<void()> action = queue_.top().action;
      queue_.pop();
      action();
    }
  }
  now_ = end;
}

std::uint64_t Server::submit(sim::Work work, std::size_t answer_tokens, Caller caller) {
  work.model = "model";
  work.answer.assign(answer_tokens, "word ");
  return submit(std::move(work), std::move(caller));
}

std::uint64_t Server::submit(sim::Work work, Caller caller) {
  ++requests_;
  const std::uint64_t id = engine_.submit(std::move(work), world_.now());
  callers_[id] = std::move(caller);
  return id;
}

void Server::close(std::uint64_t id) {
  if (callers_.erase(id) > 0) engine_.close(id, world_.now());
}

void Server::advance(Time now) {
  for (const sim::Event& event : engine_.advance(now)) {
    const auto found = callers_.find(event.id);
    if (found == callers_.end()) continue;
    if (event.kind == sim::EventKind::launched && found->second.on_launched) found->second.on_launched();
    if (event.kind == sim::EventKind::token && found->second.on_token) found->second.on_token();
    if (event.kind != sim::EventKind::done && event.kind != sim::EventKind::refused) continue;
    const Caller caller = std::move(found->second);
    callers_.erase(found);
    caller.on_done(event.usage);
  }
  engine_.forget_records();
}

}  // namespace tasklane::simulate
