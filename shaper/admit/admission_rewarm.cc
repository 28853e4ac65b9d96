// The last chat's prompt in a server's memory: whether other work has pushed it out, and when it is asked
// again.
#include <algorithm>

#include "shaper/admit/admission.h"
#include "shaper/admit/typing.h"

namespace tasklane {
namespace {

// A re-warm is begun where nothing is due for so long.
constexpr Duration rewarm_time = std::chrono::milliseconds(500);

// Where there are several slots each re-warm is a moment in which a turn that comes finds its own slot busy,
// and is read anew in another. Once it is asked all the same, for the turn's answer, as the next turn will
// quote it; but not while somebody types, for then that one is near.
template <class Upstream>
bool wants_answer(const Upstream& upstream, Time now) {
  if (upstream.slots == 1 || !upstream.prompt_lost || upstream.asked_again) return false;
  return !upstream.typed || now >= *upstream.typed + types_on;
}

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

void Admission::sent(RequestId id, OnPrompt what) {
  on_chats_prompt(id, what);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const Job& job = found->second;
  SlotsUsed& slots = job.upstream->used;
  // Another model has slots of its own, or there is room for one model, and the chat's has gone.
  if (job.ticket.model != job.upstream->chat_model)
    slots.forget(RequestClass::chat);
  else
    slots.used(what == OnPrompt::pushes_out ? job.ticket.request_class : RequestClass::chat,
               job.upstream->slots);
}

bool Admission::last_is_in_slot(RequestId id) const {
  const auto found = jobs_.find(id);
  return found != jobs_.end() && found->second.upstream->used.holds(found->second.ticket.request_class);
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
  upstream.used.forget(RequestClass::chat);
}

bool Admission::rewarmed_for(const Ticket& ticket, const Upstream& upstream) {
  return ticket.chat.extends(upstream.warm_chat);
}

// Other work came behind the last chat. Where there are several slots it may come for a while before it is
// given the chat's.
bool Admission::is_at_risk(const Upstream& upstream) {
  if (!upstream.prompt_lost || upstream.slots == 1) return upstream.prompt_lost;
  return !upstream.used.holds(RequestClass::chat) ||
         upstream.used.gives_away(RequestClass::chat, upstream.slots);
}

// This task would be given the slot of the last chat, which can be asked again first. One that is overdue
// does not wait much longer for that.
bool Admission::takes_chats_slot(const Job& job, Time now) const {
  const Upstream& upstream = *job.upstream;
  if (released_ || !job.ticket.settings.hold || job.ticket.lane == Lane::blocking) return false;
  if (now - short_rewarm >= forced_at(job)) return false;
  if (upstream.slots == 1 || job.ticket.model != upstream.chat_model) return false;
  if (upstream.foreground > 0 || now >= upstream.warm_until) return false;
  return !upstream.used.holds(job.ticket.request_class) &&
         upstream.used.gives_away(RequestClass::chat, upstream.slots);
}

// Behind all other work, or before the task that would take its slot: the last chat's next turn shall find
// its prompt.
bool Admission::wants_rewarm(const Upstream& upstream, Time now) const {
  if (released_ || upstream.foreground > 0 || !upstream.running.empty()) return false;
  if (now >= upstream.warm_until) return false;
  bool wanted = is_at_risk(upstream) || wants_answer(upstream, now);
  bool others_come = false;
  const bool others_wait = overdue_waits(upstream, now);
  for (const RequestId id : upstream.waiting) {
    const Job& job = jobs_.at(id);
    const Time due = std::min(due_at(job), forced_at(job));
    if (due >= now + rewarm_time) continue;
    if (!takes_chats_slot(job, now))
      others_come |= !others_wait || rank(job, now) <= overdue_rank;
    else if (due <= now)
      return true;  // and waits for it
    else
      wanted = true;
  }
  return wanted && !others_come;
}

// Behind the chat's end those that run beside it end later.
void Admission::used_by_chat(Upstream& upstream) {
  upstream.used.used(RequestClass::chat, upstream.slots);
  for (const auto& [kind, count] : upstream.of_class) upstream.used.used(kind, upstream.slots);
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

// A task that may not go yet for a reason of its own ends none; one that a person waits for ends it at once,
// and one for whose sake it was asked not before it has shown that it takes long.
Time Admission::waits_for_rewarm_until(const Job& job, Time now) const {
  if (job.ticket.lane == Lane::blocking) return due_at(job);
  const std::optional<RequestId> own = rewarm_on(*job.upstream);
  if (!own || !takes_chats_slot(job, now)) return forced_at(job);
  return std::max(forced_at(job), jobs_.at(*own).arrived + short_rewarm);
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
