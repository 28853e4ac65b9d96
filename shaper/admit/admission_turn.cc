// When a waiting task may go, and what the server is asked when none does.
#include <algorithm>

#include "shaper/admit/admission.h"

namespace tasklane {
namespace {

// Whoever types stops for a suggestion now and then, and sends in the end: background work waits this many
// times its quiet time behind each.
constexpr int quiets_of_typing = 3;
// A re-warm is begun where nothing is due for so long.
constexpr Duration rewarm_time = std::chrono::milliseconds(500);

}  // namespace

bool Admission::room_for(const Upstream& upstream, const Job& job) const {
  const unsigned room = upstream.slots > upstream.reserve ? upstream.slots - upstream.reserve : 1;
  if (upstream.running.size() >= room) return false;
  if (!job.ticket.settings.concurrency) return true;
  const auto same = std::count_if(upstream.running.begin(), upstream.running.end(), [&](RequestId id) {
    return jobs_.at(id).ticket.request_class == job.ticket.request_class;
  });
  return static_cast<unsigned>(same) < *job.ticket.settings.concurrency;
}

// Chats, and tasks that a person waits for, which it would slow.
unsigned Admission::chats_beside(const Job& job) const {
  const auto on = [this](const std::string& name) {
    const auto found = upstreams_.find(name);
    return found == upstreams_.end() ? 0 : found->second.foreground;
  };
  return on(job.ticket.upstream) + (job.ticket.compute == job.ticket.upstream ? 0 : on(job.ticket.compute));
}

// When a request has waited long enough, whatever happens around it.
Time Admission::overdue_at(const Job& job) {
  return std::max(job.arrived + job.ticket.settings.max_wait, job.arrived);
}

// When a waiting request may go, as things stand.
Time Admission::due_at(const Upstream& upstream, const Job& job) const {
  const LaneSettings& settings = job.ticket.settings;
  const Time overdue = overdue_at(job);
  Time due = job.not_before;
  if (!settings.hold) return std::min(due, std::max(overdue, job.not_before));
  if (chats_beside(job) > 0) return overdue;
  // Somebody may type for ever: then it goes between two suggestions, while a chat can still cancel it.
  const Time patience = job.arrived + settings.max_wait / 2;
  const auto rests = [&](const Upstream& each) {
    if (each.foreground_end) due = std::max(due, *each.foreground_end + settings.quiet);
    if (each.typed && job.ticket.lane == Lane::background)
      due = std::max(due, std::min(*each.typed + quiets_of_typing * settings.quiet, patience));
  };
  rests(upstream);
  if (const auto beside = upstreams_.find(job.ticket.compute); beside != upstreams_.end())
    rests(beside->second);
  return std::min(due, std::max(overdue, job.not_before));
}

bool Admission::may_start(const Upstream& upstream, const Job& job, Time now) const {
  return now >= due_at(upstream, job) && room_for(upstream, job);
}

// A chat meets suggestions in no more than their share of the time.
bool Admission::over_share(const Upstream& upstream, const Job& job, Time now) {
  return job.ticket.lane == Lane::keystroke && job.ticket.settings.share && upstream.keystrokes.spent(now);
}

void Admission::charge(Upstream& upstream, const Job& job, Time now) {
  if (job.ticket.lane == Lane::keystroke && job.ticket.settings.share && job.state == State::running)
    upstream.keystrokes.took(now - job.started, *job.ticket.settings.share, now);
}

void Admission::start(Upstream& upstream, Job& job, Time now, Actions& out) {
  LaneCounters& counters = counters_[job.ticket.lane];
  const Duration held = now - job.waits_since;
  counters.held += held;
  counters.longest_held = std::max(counters.longest_held, now - job.arrived);
  ++counters.started;
  // Past its longest wait it runs to its end, or a busy day would starve it.
  job.overdue = now >= overdue_at(job);
  if (job.overdue) ++counters.overdue;
  job.state = State::running;
  job.started = now;
  upstream.prompt_lost = true;
  std::erase(upstream.waiting, job.ticket.id);
  upstream.running.push_back(job.ticket.id);
  out.emplace_back(std::in_place_type<Start>, job.ticket.id, job.ticket.upstream);
}

void Admission::start_what_may(Upstream& upstream, Time now, Actions& out) {
  const std::deque<RequestId> waiting = upstream.waiting;
  // Tasks wait for it: begun and cancelled time and again it would never be of use, and each time the server
  // computes a batch to its end first.
  if (std::any_of(waiting.begin(), waiting.end(),
                  [&](RequestId id) { return waits_for_rewarm_until(upstream, jobs_.at(id)) <= now; }))
    drop_rewarm(upstream, now, out);
  for (const Lane lane : {Lane::keystroke, Lane::background})
    for (const RequestId id : waiting) {
      const auto found = jobs_.find(id);
      if (found == jobs_.end() || found->second.state != State::waiting || found->second.ticket.lane != lane)
        continue;
      if (over_share(upstream, found->second, now)) {
        ++counters_[lane].over_share;
        answer(id, AnswerKind::empty, now, out);
      } else if (may_start(upstream, found->second, now)) {
        start(upstream, found->second, now, out);
      }
    }
}

// Behind all other work: the last chat's next turn shall find its prompt.
bool Admission::wants_rewarm(const Upstream& upstream, Time now) const {
  if (upstream.foreground > 0 || !upstream.running.empty()) return false;
  if (!upstream.prompt_lost || now >= upstream.warm_until) return false;
  return std::none_of(upstream.waiting.begin(), upstream.waiting.end(),
                      [&](RequestId id) { return due_at(upstream, jobs_.at(id)) < now + rewarm_time; });
}

void Admission::rewarm(const std::string& name, Upstream& upstream, Time now, Actions& out) {
  upstream.prompt_lost = false;
  Job job;
  job.ticket.id = next_own_id_++;
  job.ticket.lane = Lane::background;
  job.ticket.upstream = name;
  job.state = State::running;
  job.arrived = now;
  job.rewarm = true;
  const RequestId id = job.ticket.id;
  upstream.running.push_back(id);
  ++rewarm_counters_.asked;
  out.emplace_back(std::in_place_type<Rewarm>, id, name);
  jobs_.emplace(id, std::move(job));
}

std::optional<RequestId> Admission::rewarm_on(const Upstream& upstream) const {
  const auto own = std::find_if(upstream.running.begin(), upstream.running.end(),
                                [&](RequestId id) { return jobs_.at(id).rewarm; });
  return own == upstream.running.end() ? std::nullopt : std::optional(*own);
}

// A task that may not go yet for a reason of its own ends none.
Time Admission::waits_for_rewarm_until(const Upstream& upstream, const Job& job) const {
  return std::max(due_at(upstream, job), overdue_at(job));
}

void Admission::drop_rewarm(Upstream& upstream, Time now, Actions& out) {
  const std::optional<RequestId> own = rewarm_on(upstream);
  if (!own) return;
  ++rewarm_counters_.gave_way;
  out.emplace_back(std::in_place_type<Cancel>, *own);
  upstream.prompt_lost = true;
  remove(*own, now);
}

std::optional<Time> Admission::next_wakeup(Time now) const {
  std::optional<Time> next;
  const auto consider = [&](Time at) {
    if (!next || at < *next) next = at;
  };
  for (const auto& [id, job] : jobs_) {
    if (const auto deadline = deadline_of(job)) consider(*deadline);
    if (job.state != State::waiting) continue;
    const Upstream& upstream = upstreams_.at(job.ticket.upstream);
    if (rewarm_on(upstream)) consider(waits_for_rewarm_until(upstream, job));
    // A request that is due but finds no room waits for an event, not for the time.
    if (const Time due = due_at(upstream, job); due > now || room_for(upstream, job)) consider(due);
  }
  for (const auto& [name, upstream] : upstreams_)
    if (wants_rewarm(upstream, now)) consider(now);
  return next;
}

}  // namespace tasklane
