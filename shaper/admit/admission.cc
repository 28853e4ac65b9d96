#include "shaper/admit/admission.h"

#include <algorithm>
#include <utility>

#include "shaper/admit/typing.h"

namespace tasklane {

void Admission::use_slots(const std::string& upstream, unsigned slots, unsigned reserve) {
  upstreams_[upstream].slots = std::max(1u, slots);
  upstreams_[upstream].reserve = reserve;
}

void Admission::can_rewarm(const std::string& upstream, ChatKey chat, Time until) {
  upstreams_[upstream].warm_until = until;
  upstreams_[upstream].warm_chat = chat;
}

unsigned Admission::slots(const std::string& upstream) const {
  const auto found = upstreams_.find(upstream);
  return found == upstreams_.end() ? 1 : found->second.slots;
}

void Admission::prewarm(const std::string& name, Time until) {
  Upstream& upstream = upstreams_[name];
  upstream.warm_until = until;
  upstream.warm_chat = 0;
  upstream.prompt_lost = true;
}

void Admission::answered_from_cache(const Ticket& ticket) {
  ++counters_[ticket.lane].cached;
  spared(ticket);
}

void Admission::spared(const Ticket& ticket) {
  counters_[ticket.lane].prompt_tokens_spared += ticket.prompt_tokens;
}

Actions Admission::arrive(Ticket ticket, Time now) {
  Actions out;
  ++counters_[ticket.lane].arrived;
  Job job;
  job.ticket = std::move(ticket);
  job.arrived = job.waits_since = job.not_before = now;
  if (job.ticket.lane == Lane::keystroke) upstream_of(job).typed = now;
  if (job.ticket.lane == Lane::keystroke && !job.ticket.compute.empty())
    upstreams_[job.ticket.compute].typed = now;
  if (job.ticket.lane == Lane::interactive)
    arrive_foreground(job.ticket, now, out);
  else if (!answered_at_once(job, now, out)) {
    if (job.ticket.lane == Lane::blocking)
      arrive_foreground(job.ticket, now, out);
    else
      arrive_task(std::move(job), now, out);
  }
  return out;
}

void Admission::arrive_foreground(const Ticket& ticket, Time now, Actions& out) {
  Upstream& upstream = upstreams_[ticket.upstream];
  ++upstream.foreground;
  // The next turn of the very chat waits for less than it would lose: cancelled halfway, the prompt is gone
  // from the server's slot and from its cache (seen with Ollama: 1.1 s).
  const bool its_own = ticket.chat != 0 && ticket.chat == upstream.warm_chat;
  if (!its_own) drop_rewarm(upstream, now, out);
  yield_to_chat(ticket, now, out);
  upstream.prompt_lost = ticket.lane == Lane::blocking;
  if (!upstream.prompt_lost) upstream.warm_until = {};  // another chat's prompt is of no use now
  ++counters_[ticket.lane].started;
  out.emplace_back(std::in_place_type<Start>, ticket.id, ticket.upstream);
  foreground_.emplace(ticket.id, Foreground{ticket.lane, ticket.upstream});
}

bool Admission::end_foreground(RequestId id, std::uint64_t LaneCounters::*how, Time now, Actions& out) {
  const auto ended = foreground_.extract(id);
  if (ended.empty()) return false;
  ++(counters_[ended.mapped().lane].*how);
  Upstream& upstream = upstreams_[ended.mapped().upstream];
  --upstream.foreground;
  upstream.foreground_end = now;
  start_what_may(upstream, now, out);
  return true;
}

// By rule, by rate, by what the typist was shown already.
bool Admission::answered_at_once(Job& job, Time now, Actions& out) {
  const Ticket& ticket = job.ticket;
  LaneCounters& counters = counters_[ticket.lane];
  const auto say = [&](AnswerKind kind, const std::string& text = {}) {
    spared(ticket);
    out.emplace_back(std::in_place_type<AnswerNow>, ticket.id, kind, text);
    return true;
  };
  if (ticket.settings.answer) {
    ++counters.answered_empty;
    return say(AnswerKind::empty);
  }
  if (ticket.lane == Lane::keystroke && ticket.settings.type_ahead) {
    if (std::optional<std::string> rest = type_ahead_.rest(editor_of(ticket), ticket.typed, now)) {
      ++counters.type_ahead;
      if (ticket.settings.supersede) supersede(ticket, now, out);
      return say(AnswerKind::type_ahead, *rest);
    }
  }
  if (!ticket.settings.rate) return false;
  const RateLimit& rate = *ticket.settings.rate;
  const Time when = buckets_.take(ticket.bucket, rate.limit, rate.burst, rate.over == OverRate::hold, now);
  if (when <= now) return false;
  if (rate.over == OverRate::hold) {
    job.not_before = when;
    return false;
  }
  ++(rate.over == OverRate::reject ? counters.rejected : counters.answered_empty);
  return say(rate.over == OverRate::reject ? AnswerKind::reject : AnswerKind::empty);
}

// Joins one that asks the same of the same server.
bool Admission::follows(Job& job, Actions& out) {
  if (!job.ticket.settings.coalesce || !job.ticket.canonical) return false;
  const auto& leaders = upstream_of(job).leaders;
  const auto same = leaders.find(*job.ticket.canonical);
  if (same == leaders.end()) return false;
  job.state = State::following;
  job.leader = same->second;
  jobs_.at(same->second).followers.push_back(job.ticket.id);
  ++counters_[job.ticket.lane].coalesced;
  spared(job.ticket);
  out.emplace_back(std::in_place_type<Share>, job.ticket.id, same->second);
  return true;
}

void Admission::arrive_task(Job job, Time now, Actions& out) {
  const Ticket& ticket = job.ticket;
  const RequestId id = ticket.id;
  if (follows(job, out)) {
    jobs_.emplace(id, std::move(job));
    return;
  }
  Upstream& upstream = upstream_of(job);
  const bool keystroke = ticket.lane == Lane::keystroke;
  if (keystroke && ticket.settings.supersede) supersede(ticket, now, out);
  if (keystroke && chats_beside(job) > 0 && ticket.settings.while_chat == WhileChat::answer) {
    ++counters_[ticket.lane].answered_empty;
    spared(ticket);
    out.emplace_back(std::in_place_type<AnswerNow>, id, AnswerKind::empty, "");
    return;
  }
  job.behind_chat = chats_beside(job) > 0;
  job.not_before =
      std::max(job.not_before, now + (keystroke ? ticket.settings.debounce : ticket.settings.settle));
  if (ticket.settings.coalesce && ticket.canonical) upstream.leaders[*ticket.canonical] = id;
  upstream.waiting.push_back(id);
  jobs_.emplace(id, std::move(job));
  start_what_may(upstream, now, out);
}

// The newest request of a typist replaces the older ones, which are answered at once.
void Admission::supersede(const Ticket& newer, Time now, Actions& out) {
  std::vector<RequestId> older;
  for (const auto& [id, job] : jobs_)
    if (id != newer.id && same_editor(job.ticket, newer)) older.push_back(id);
  for (const RequestId id : older) {
    ++counters_[Lane::keystroke].superseded;
    answer(id, AnswerKind::empty, now, out);
  }
}

// Answers a request and whoever shares its fate; its upstream, if it runs, is free afterwards.
void Admission::answer(RequestId id, AnswerKind kind, Time now, Actions& out) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  if (found->second.state == State::following) {
    out.emplace_back(std::in_place_type<AnswerNow>, id, kind, "");
    return unfollow(id, now, out);
  }
  const Job& job = found->second;
  if (job.state == State::waiting && job.preempted == 0) spared(job.ticket);
  const std::vector<RequestId> followers = job.followers;
  out.emplace_back(std::in_place_type<AnswerNow>, id, kind, "");
  Upstream& upstream = upstream_of(found->second);
  remove(id, now);
  for (const RequestId follower : followers) answer(follower, kind, now, out);
  start_what_may(upstream, now, out);
}

// A chat has come: what runs in its way, on its server or beside it on the machine, is cancelled and waits
// again; a suggestion is not worth a second try. And what its typist was typing has been sent.
void Admission::yield_to_chat(const Ticket& chat, Time now, Actions& out) {
  std::vector<RequestId> in_its_way;
  for (const auto& [id, job] : jobs_)
    if (!job.rewarm && job.state != State::following &&
        (job.ticket.upstream == chat.upstream || job.ticket.compute == chat.upstream ||
         sends_it(chat, job.ticket)))
      in_its_way.push_back(id);
  for (const RequestId id : in_its_way)
    if (const auto found = jobs_.find(id); found != jobs_.end()) yield(found->second, now, out);
}

void Admission::yield(Job& job, Time now, Actions& out) {
  const RequestId id = job.ticket.id;
  const bool running = job.state == State::running;
  const std::optional<unsigned> most = job.ticket.settings.preempt;
  if (running && (!most || job.overdue || job.preempted >= *most)) return;
  job.behind_chat = true;
  LaneCounters& counters = counters_[job.ticket.lane];
  if (running) ++counters.pre_empted;
  if (job.ticket.lane == Lane::keystroke && job.ticket.settings.while_chat == WhileChat::answer) {
    if (!running) ++counters.answered_empty;
    return answer(id, AnswerKind::empty, now, out);
  }
  if (!running) return;
  Upstream& upstream = upstream_of(job);
  charge(upstream, job, now);
  ++job.preempted;
  job.state = State::waiting;
  job.waits_since = now;
  std::erase(upstream.running, id);
  upstream.waiting.push_front(id);
  out.emplace_back(std::in_place_type<Cancel>, id);
}

// One fewer waits for another's answer; where that one's client has gone too, it was the last.
void Admission::unfollow(RequestId id, Time now, Actions& out) {
  const RequestId leader = jobs_.at(id).leader;
  jobs_.erase(id);
  const auto found = jobs_.find(leader);
  if (found == jobs_.end()) return;
  std::erase(found->second.followers, id);
  if (!found->second.client_gone || !found->second.followers.empty()) return;
  Upstream& upstream = upstream_of(found->second);
  out.emplace_back(std::in_place_type<AnswerNow>, leader, AnswerKind::empty, "");
  remove(leader, now);
  start_what_may(upstream, now, out);
}

Actions Admission::client_gone(RequestId id, Time now) {
  Actions out;
  if (end_foreground(id, &LaneCounters::client_gone, now, out)) return out;
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return out;
  Job& job = found->second;
  ++counters_[job.ticket.lane].client_gone;
  if (job.state == State::following) {
    unfollow(id, now, out);
    return out;
  }
  if (!job.followers.empty()) {
    job.client_gone = true;  // the others still want the answer
    return out;
  }
  Upstream& upstream = upstream_of(job);
  if (job.state == State::running) out.emplace_back(std::in_place_type<Cancel>, id);
  remove(id, now);
  start_what_may(upstream, now, out);
  return out;
}

Actions Admission::finished(RequestId id, Time now) {
  Actions out;
  if (end_foreground(id, &LaneCounters::finished, now, out)) return out;
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return out;
  const Job& job = found->second;
  ++(job.rewarm ? rewarm_counters_.finished : counters_[job.ticket.lane].finished);
  if (job.behind_chat && job.state == State::running)
    counters_[job.ticket.lane].kept_from_chats += now - job.started;
  Upstream& upstream = upstream_of(job);
  for (const RequestId follower : std::vector<RequestId>(job.followers)) jobs_.erase(follower);
  remove(id, now);
  start_what_may(upstream, now, out);
  return out;
}

void Admission::suggested(TypistKey typist, const std::string& typed, const std::string& suggestion,
                          Time now) {
  type_ahead_.remember(typist, typed, suggestion, now);
}

// A keystroke's deadline holds to the end of its answer, another task's to its start.
std::optional<Time> Admission::deadline_of(const Job& job) const {
  if (!job.ticket.settings.deadline) return std::nullopt;
  if (job.state == State::running && job.ticket.lane != Lane::keystroke) return std::nullopt;
  return job.arrived + *job.ticket.settings.deadline;
}

void Admission::expire(Time now, Actions& out) {
  std::vector<RequestId> late;
  for (const auto& [id, job] : jobs_)
    if (const auto deadline = deadline_of(job); deadline && *deadline <= now) late.push_back(id);
  for (const RequestId id : late) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) continue;
    ++counters_[found->second.ticket.lane].expired;
    answer(id, AnswerKind::empty, now, out);
  }
}

Actions Admission::tick(Time now) {
  Actions out;
  expire(now, out);
  for (auto& [name, upstream] : upstreams_) {
    start_what_may(upstream, now, out);
    if (wants_rewarm(upstream, now)) rewarm(name, upstream, now, out);
  }
  return out;
}

void Admission::leave_queue(const Job& job, Time now) {
  Upstream& upstream = upstream_of(job);
  charge(upstream, job, now);
  std::erase(upstream.waiting, job.ticket.id);
  std::erase(upstream.running, job.ticket.id);
}

void Admission::remove(RequestId id, Time now) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  leave_queue(found->second, now);
  if (const auto& key = found->second.ticket.canonical) {
    auto& leaders = upstream_of(found->second).leaders;
    if (const auto leader = leaders.find(*key); leader != leaders.end() && leader->second == id)
      leaders.erase(leader);
  }
  jobs_.erase(found);
}

std::size_t Admission::waiting() const {
  std::size_t count = 0;
  for (const auto& [id, job] : jobs_) count += job.state == State::waiting ? 1 : 0;
  return count;
}

std::size_t Admission::running() const {
  std::size_t count = foreground_.size();
  for (const auto& [id, job] : jobs_) count += job.state == State::running ? 1 : 0;
  return count;
}

}  // namespace tasklane
