// The agent's pulse: its signs of life, and what is looked after about once a second.
#include <spdlog/spdlog.h>

#include "userspace/agent/parts.h"
#include "userspace/agent/resources.h"

namespace tasklane {
namespace {

constexpr int ticks_per_sweep = 10;

}  // namespace

void Agent::Parts::follow_models() {
  const Result<void> refreshed = steering->refresh();
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

// An agent that could not serve whoever comes next falls silent: the kernel passes new connections by until
// it can again.
void Agent::Parts::sign_of_life(Duration late) {
  const Time at = now();
  const Pulse pulse{late,
                    acceptor->armed(),
                    !helper || helper->answers(),
                    can_open(descriptors_to_spare),
                    can_map(memory_to_spare) && memory_groups.leave(memory_to_spare),
                    !acceptor->crowded()};
  const bool changed = readiness->judge(pulse, at);
  const Unready why = readiness->why();
  if (changed && why == Unready::no) spdlog::info("new connections are taken again");
  if (changed && why != Unready::no)
    spdlog::warn("new connections {}: {}", steering ? "reach the model directly for now" : "wait for now",
                 to_text(why));
  if (pulse.accepting && why != Unready::late) manager.feed(at);
  if (!steering) return;
  if (why != Unready::no) return steering->suspend();
  steering->set_stale_after(readiness->stale_after(tick));
  tell_room();
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
  tell_changed_upstreams();
  give_memory_back();
}

Awaitable<void> Agent::Parts::keep_time() {
  Timer timer(io.get_executor());
  Time due = now();
  for (int ticks = 0; !ended; ++ticks) {
    sign_of_life(now() - due);
    if (steering) follow_models();
    if (helper && helper->gone() && outcome == ExitCode::done) end_without_helper();
    if (ticks % ticks_per_sweep == 0) sweep();
    due = now() + tick;
    timer.expires_after(tick);
    error_code error;
    co_await timer.async_wait(asio::redirect_error(use_await, error));
    if (error) co_return;
  }
}

}  // namespace tasklane
