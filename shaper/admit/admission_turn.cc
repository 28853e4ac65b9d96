// When a waiting task may go, and what the server is asked when none does.
#include <algorithm>
#include <array>

#include "shaper/admit/admission.h"
#include "shaper/admit/typing.h"

namespace tasklane {
namespace {

// Whoever types stops for a suggestion now and then, and sends in the end: background work waits this many
// times its quiet time behind each.
constexpr int quiets_of_typing = 3;

}  // namespace

bool Admission::at_class_limit(const Job& job) {
  const auto same = job.upstream->of_class.find(job.ticket.request_class);
  return job.ticket.settings.concurrency && same != job.upstream->of_class.end() &&
         same->second >= *job.ticket.settings.concurrency;
}

// A slot of its own: what may be cancelled is not left to wait in the server's queue. And where chats are
// answered one that is held for them goes at a time, or a chat would wait for a slice of each.
bool Admission::room_for(const Job& job) {
  if (at_class_limit(job)) return false;
  if (job.ticket.lane == Lane::blocking) return true;
  const Upstream& upstream = *job.upstream;
  const bool for_chats = job.ticket.settings.hold && (upstream.has_chats || job.beside != nullptr);
  if (for_chats && !upstream.running.empty()) return false;
  const std::size_t beyond = upstream.slots > upstream.reserve ? upstream.slots - upstream.reserve : 1;
  return upstream.running.size() < beyond && upstream.running.size() + upstream.foreground < upstream.slots;
}

// Past their longest wait they go one at a time.
bool Admission::may_be_forced(const Job& job, Time now) {
  return now >= forced_at(job) && job.ticket.lane != Lane::blocking && job.upstream->running.empty() &&
         !at_class_limit(job);
}

// Chats, and tasks that a person waits for, which it would slow.
unsigned Admission::chats_beside(const Job& job) {
  return job.upstream->foreground + (job.beside == nullptr ? 0 : job.beside->foreground);
}

bool Admission::chat_beside(RequestId id) const {
  const auto found = jobs_.find(id);
  return found != jobs_.end() && chats_beside(found->second) > 0;
}

// When a request has waited long enough, whatever happens around it.
Time Admission::overdue_at(const Job& job) {
  return std::max(job.arrived + job.ticket.settings.max_wait, job.arrived);
}

Time Admission::forced_at(const Job& job) { return std::max(overdue_at(job), job.not_before); }

// When a waiting request may go in peace, as things stand.
Time Admission::due_at(const Job& job) {
  const LaneSettings& settings = job.ticket.settings;
  if (!settings.hold || job.ticket.lane == Lane::blocking) return job.not_before;
  if (chats_beside(job) > 0) return Time::max();
  if (job.ticket.lane == Lane::background && job.upstream->unloaded.has(job.ticket.model)) return Time::max();
  Time due = std::max(job.not_before, typed_until(job));
  for (const Upstream* each : {job.upstream, job.beside})
    if (each != nullptr && each->foreground_end) due = std::max(due, *each->foreground_end + settings.quiet);
  return due;
}

// Somebody may type for ever: then background work goes between two suggestions, while a chat can still
// cancel it.
Time Admission::typed_until(const Job& job) {
  const LaneSettings& settings = job.ticket.settings;
  Time until = job.arrived;
  if (job.ticket.lane != Lane::background) return until;
  for (const Upstream* each : {job.upstream, job.beside})
    if (each != nullptr && each->typed)
      until = std::max(until, std::min(*each->typed + quiets_of_typing * settings.quiet,
                                       job.arrived + settings.max_wait / 2));
  return until;
}

bool Admission::rests(RequestId id, Time now) const {
  const auto found = jobs_.find(id);
  if (released_ || found == jobs_.end() || found->second.state != State::running) return false;
  const Job& job = found->second;
  return job.ticket.settings.hold && !job.rewarm && !job.overdue && now < typed_until(job);
}

void Admission::wait_again(Job& job, Time now) {
  stop(job, now);
  job.state = State::waiting;
  job.waits_since = now;
  job.upstream->waiting.push_front(job.ticket.id);
}

Actions Admission::rest(RequestId id, Time now) {
  Actions out;
  if (const auto found = jobs_.find(id); found != jobs_.end() && found->second.state == State::running) {
    wait_again(found->second, now);
    start_what_may(now, out);
  }
  return out;
}

bool Admission::may_start(const Job& job, Time now) const {
  if (released_) return true;
  if (takes_chats_slot(job, now)) return false;
  // Past its longest wait no chat cancels it: so two never run at once, also where there is room.
  if (rank(job, now) == overdue_rank) return may_be_forced(job, now);
  return (now >= due_at(job) && room_for(job)) || may_be_forced(job, now);
}

// A chat meets suggestions in no more than their share of the time.
bool Admission::over_share(const Job& job, Time now) const {
  return !released_ && job.ticket.lane == Lane::keystroke && job.ticket.settings.share &&
         job.upstream->keystrokes.spent(now);
}

void Admission::start(Job& job, Time now, Actions& out) {
  Upstream& upstream = *job.upstream;
  const RequestId id = job.ticket.id;
  LaneCounters& counters = counters_[job.ticket.lane];
  counters.held += now - job.waits_since;
  counters.longest_held = std::max(counters.longest_held, now - job.arrived);
  ++counters.started;
  job.behind_chat = chats_beside(job) > 0;
  for (const Upstream* each : {job.upstream, job.beside})
    job.behind_chat |= each != nullptr && each->foreground_end && *each->foreground_end >= job.arrived;
  // Past its longest wait it runs to its end, or a busy day would starve it.
  job.overdue = now >= overdue_at(job);
  if (job.overdue) ++counters.overdue;
  std::erase(upstream.waiting, id);
  job.state = State::running;
  job.started = now;
  job.begun = true;
  ++upstream.of_class[job.ticket.request_class];
  if (job.ticket.lane == Lane::blocking)
    make_way(job.ticket, now, out);
  else
    upstream.running.push_back(id);
  job.found_lost = std::exchange(upstream.prompt_lost, true);
  upstream.warm = false;
  loaded(upstream, job.ticket.model);
  out.emplace_back(std::in_place_type<Start>, id, job.ticket.upstream);
}

// A running task ends, in whatever way.
void Admission::stop(const Job& job, Time now) {
  Upstream& upstream = *job.upstream;
  std::erase(upstream.running, job.ticket.id);
  upstream.changed = true;
  if (job.rewarm) return;
  if (--upstream.of_class[job.ticket.request_class] == 0) upstream.of_class.erase(job.ticket.request_class);
  if (job.ticket.lane == Lane::blocking) end_foreground(upstream, now);
  if (job.ticket.lane == Lane::keystroke && job.ticket.settings.share)
    upstream.keystrokes.took(now - job.started, *job.ticket.settings.share, now);
}

// Where something has changed.
void Admission::start_what_may(Time now, Actions& out) {
  for (bool again = true; std::exchange(again, false);)
    for (auto& [name, upstream] : upstreams_)
      if (std::exchange(upstream.changed, false)) {
        again = true;
        start_what_may(upstream, now, out);
      }
}

// Who a person waits for, who has waited too long, who types, and then the others.
std::size_t Admission::rank(const Job& job, Time now) {
  if (job.ticket.lane == Lane::blocking) return 0;
  if (job.ticket.lane == Lane::background) return now >= forced_at(job) ? overdue_rank : 3;
  return 2;
}

void Admission::start_what_may(Upstream& upstream, Time now, Actions& out) {
  std::array<std::vector<RequestId>, 4> by_rank;
  bool rewarm_in_the_way = false;
  const bool rewarms = rewarm_on(upstream).has_value();
  for (const RequestId id : upstream.waiting) {
    const Job& job = jobs_.at(id);
    by_rank.at(rank(job, now)).push_back(id);
    // Tasks wait for it: begun and cancelled time and again it would never be of use, and each time the
    // server computes a batch to its end first.
    rewarm_in_the_way |= rewarms && waits_for_rewarm_until(job, now) <= now;
  }
  if (rewarm_in_the_way) {
    drop_rewarm(upstream, now, out);
    upstream.used.forget(RequestClass::chat);  // or the task would wait for the next one
  }
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (upstream.changed) return;  // one has made way: once more, with it
    const bool others_wait = rank > overdue_rank && overdue_waits(upstream, now);
    for (const RequestId id : by_rank.at(rank)) {
      const auto found = jobs_.find(id);
      if (found == jobs_.end() || found->second.state != State::waiting) continue;
      if (over_share(found->second, now)) {
        ++counters_[found->second.ticket.lane].over_share;
        answer(id, AnswerKind::empty, now, out);
      } else if (!others_wait && may_start(found->second, now)) {
        start(found->second, now, out);
      }
    }
  }
}

// One has waited too long and finds no slot: no other takes the next one.
bool Admission::overdue_waits(const Upstream& upstream, Time now) const {
  return std::any_of(upstream.waiting.begin(), upstream.waiting.end(), [&](RequestId id) {
    const Job& job = jobs_.at(id);
    return rank(job, now) == overdue_rank && !at_class_limit(job) && !may_start(job, now);
  });
}

std::optional<Time> Admission::next_wakeup(Time now) const {
  std::optional<Time> next;
  const auto consider = [&](Time at) {
    if (!next || at < *next) next = at;
  };
  for (const RequestId id : timed_)
    if (const auto deadline = deadline_of(jobs_.at(id))) consider(*deadline);
  for (const auto& [name, upstream] : upstreams_) {
    const bool rewarms = rewarm_on(upstream).has_value();
    const bool others_wait = overdue_waits(upstream, now);
    for (const RequestId id : upstream.waiting) {
      const Job& job = jobs_.at(id);
      if (rewarms) consider(std::max(now, waits_for_rewarm_until(job, now)));
      // A request that is due but finds no room waits for an event, not for the time.
      if (const Time due = due_at(job); due > now && due != Time::max()) consider(due);
      if (const Time forced = forced_at(job); forced > now)
        consider(forced);
      else if (takes_chats_slot(job, now))
        consider(forced + short_rewarm);
      if (may_start(job, now) && !(others_wait && rank(job, now) > overdue_rank)) consider(now);
    }
    if (wants_rewarm(upstream, now)) consider(now);
    const Time rested = upstream.typed.value_or(now) + types_on;
    if (rested > now && wants_rewarm(upstream, rested)) consider(rested);
  }
  return next;
}

}  // namespace tasklane
