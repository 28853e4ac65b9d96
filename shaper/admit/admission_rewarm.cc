// The last chat's prompt in a server's memory: whether other work has pushed it out, and when it is asked
// again.
#include <algorithm>

#include "shaper/admit/admission.h"

namespace tasklane {
namespace {

// A re-warm is begun where nothing is due for so long.
constexpr Duration rewarm_time = std::chrono::milliseconds(500);

}  // namespace

void Admission::can_rewarm(const std::string& upstream, const Conversation& chat, Time until) {
  upstreams_[upstream].warm_until = until;
  upstreams_[upstream].warm_chat = chat;
}

bool Admission::behind_rewarm(const std::string& upstream, RequestId id) const {
  const auto found = upstreams_.find(upstream);
  return found != upstreams_.end() && found->second.warm_turn == id;
}

void Admission::on_chats_prompt(RequestId id, OnPrompt what) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const Job& job = found->second;
  job.upstream->prompt_lost = what == OnPrompt::pushes_out || (what == OnPrompt::goes_on && job.found_lost);
}

bool Admission::found_prompt_lost(RequestId id) const {
  const auto found = jobs_.find(id);
  return found != jobs_.end() && found->second.found_lost;
}

void Admission::prewarm(const std::string& name, Time until) {
  Upstream& upstream = upstreams_[name];
  upstream.warm_until = until;
  upstream.warm_chat = {};
  upstream.prompt_lost = true;
}

bool Admission::rewarmed_for(const Ticket& ticket, const Upstream& upstream) {
  return ticket.chat.extends(upstream.warm_chat);
}

// Behind all other work: the last chat's next turn shall find its prompt.
bool Admission::wants_rewarm(const Upstream& upstream, Time now) const {
  if (released_) return false;
  if (upstream.foreground > 0 || !upstream.running.empty()) return false;
  if (!upstream.prompt_lost || now >= upstream.warm_until) return false;
  return std::none_of(upstream.waiting.begin(), upstream.waiting.end(), [&](RequestId id) {
    const Job& job = jobs_.at(id);
    return std::min(due_at(job), forced_at(job)) < now + rewarm_time;
  });
}

void Admission::rewarm(const std::string& name, Upstream& upstream, Time now, Actions& out) {
  upstream.prompt_lost = false;
  Job job;
  job.ticket.id = next_own_id_++;
  job.ticket.lane = Standing(Lane::background, power_by_rule(true));  // it is nobody's
  job.ticket.upstream = name;
  job.upstream = &upstream;
  job.state = State::running;
  job.arrived = now;
  job.rewarm = true;
  const RequestId id = job.ticket.id;
  upstream.running.push_back(id);
  ++rewarm_counters_.asked;
  out.emplace_back(std::in_place_type<Rewarm>, id, name);
  keep(std::move(job));
}

std::optional<RequestId> Admission::rewarm_on(const Upstream& upstream) const {
  const auto own = std::find_if(upstream.running.begin(), upstream.running.end(),
                                [&](RequestId id) { return jobs_.at(id).rewarm; });
  return own == upstream.running.end() ? std::nullopt : std::optional(*own);
}

// A task that may not go yet for a reason of its own ends none; one that a person waits for ends it at once.
Time Admission::waits_for_rewarm_until(const Job& job) {
  if (job.ticket.lane == Lane::blocking) return due_at(job);
  return forced_at(job);
}

void Admission::drop_rewarm(Upstream& upstream, Time now, Actions& out) {
  const std::optional<RequestId> own = rewarm_on(upstream);
  if (!own) return;
  ++rewarm_counters_.gave_way;
  out.emplace_back(std::in_place_type<Cancel>, *own);
  upstream.prompt_lost = true;
  remove(*own, now);
}

}  // namespace tasklane
