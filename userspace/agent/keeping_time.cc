// The agent's pulse: its signs of life, and what is looked after about once a second.
#include <spdlog/spdlog.h>

#include "userspace/agent/parts.h"
#include "userspace/agent/resources.h"

namespace tasklane {

// Where a namespace is followed there is more than one step to it: none of them waits while it is not there.
Result<void> Agent::Parts::refresh_models(const Pace::Due& due) {
  const bool on_its_way = config->netns && place.empty();
  if (due.helper || on_its_way) return steering->refresh();
  return due.models ? steering->refresh_if_changed() : steering->hear();
}

void Agent::Parts::follow_models(const Pace::Due& due) {
  const Result<void> refreshed = refresh_models(due);
  for (NamespaceNews& news : steering->take_news()) follow_place(std::move(news));
  const std::string problem = refreshed ? std::string() : refreshed.error().text();
  if (problem == models_unseen) return;
  if (refreshed)
    spdlog::info("the models that listen can be seen again");
  else
    spdlog::warn("cannot see which models listen: {}", problem);
  models_unseen = problem;
}

// Whoever was steered in a namespace that has gone has no server any more; a container that was started anew
// has another namespace.
void Agent::Parts::follow_place(NamespaceNews news) {
  switch (news.kind) {
    case NamespaceNews::Kind::entered:
      upstreams->set_place(++places, helper.get());
      if (news.listeners.ipv4) acceptor->add_steered(news.listeners.ipv4.release(), places);
      if (news.listeners.ipv6) acceptor->add_steered(news.listeners.ipv6.release(), places);
      return;
    case NamespaceNews::Kind::attached:
      place = news.where;
      return spdlog::info("steering in the network namespace {}", place);
    case NamespaceNews::Kind::left:
      place.clear();
      acceptor->finish_steered();
      return spdlog::warn("the network namespace {} is gone: nothing is steered until it is there again",
                          news.where);
  }
}

// Without it no model can be followed: traffic is direct, and whoever started the agent may start another.
void Agent::Parts::end_without_helper() {
  outcome = ExitCode::found;
  spdlog::error(
      "the helper process has ended: new connections reach the model directly, and the agent ends "
      "behind the answers that are on their way");
  ::raise(SIGTERM);
}

void Agent::Parts::look_at_resources() {
  descriptors_spare = can_open(descriptors_to_spare);
  memory_spare = can_map(memory_to_spare) && memory_groups.leave(memory_to_spare);
}

// An agent that could not serve whoever comes next falls silent: the kernel passes new connections by until
// it can again.
void Agent::Parts::sign_of_life(Duration late, bool with_room) {
  const Time at = now();
  const Pulse pulse{late,         acceptor->armed(),   !helper || helper->answers(), descriptors_spare,
                    memory_spare, !acceptor->crowded()};
  const bool changed = readiness->judge(pulse, at) && !relay->ending;  // what then becomes of them was said
  const Unready why = readiness->why();
  if (changed && why == Unready::no) spdlog::info("new connections are taken again");
  if (changed && why != Unready::no)
    spdlog::warn("new connections {}: {}", steering ? "reach the model directly for now" : "wait for now",
                 to_text(why));
  if (pulse.accepting && why != Unready::late) manager.feed(at);
  if (!steering) return;
  if (why != Unready::no) return steering->suspend();
  steering->set_stale_after(readiness->stale_after(pace.until_next()));
  if (with_room) tell_room();
  steering->heartbeat();
}

// At once when a connection was taken, or could not be: the next one may come before the next tick.
void Agent::Parts::tell_room() {
  if (!steering) return;
  if (!acceptor->armed() || acceptor->crowded()) return steering->suspend();
  steering->set_room(static_cast<std::int64_t>(acceptor->room_to_steer()));
}

void Agent::Parts::sweep() {
  acceptor->sweep(now());
  upstreams->sweep(now());
  relay->samples.sweep(now());
  relay->answers.sweep(now());
  rewarmer->sweep(now());
  lanes.admission().forget(now());
  health_checks->sweep(now());
  tell_changed_upstreams();
  give_memory_back();
}

void Agent::Parts::beat(Duration late) {
  const bool connected = relay->open_connections > 0 || !acceptor->armed();
  const Pace::Due due = pace.beat(now(), connected, readiness->rest());
  if (due.resources) look_at_resources();
  sign_of_life(late, due.resources);
  if (steering) follow_models(due);
  if (helper && helper->gone() && outcome == ExitCode::done) end_without_helper();
  if (due.sweep) sweep();
}

// Somebody has come: what was seen at rest may be old by now.
void Agent::Parts::wake() {
  if (pace.resting()) next_beat.cancel();
}

Awaitable<void> Agent::Parts::keep_time() {
  for (Time due = now(); !ended;) {
    beat(std::max(Duration::zero(), now() - due));
    due = now() + pace.until_next();
    next_beat.expires_after(pace.until_next());
    error_code woken;
    co_await next_beat.async_wait(asio::redirect_error(use_await, woken));
  }
}

}  // namespace tasklane
