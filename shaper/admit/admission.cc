#include "shaper/admit/admission.h"

#include <algorithm>
#include <utility>

#include "shaper/admit/typing.h"

namespace tasklane {

void Admission::use_slots(const std::string& upstream, unsigned slots, unsigned reserve) {
  upstreams_[upstream].slots = std::max(1u, slots);
  upstreams_[upstream].reserve = reserve;
}

void Admission::not_asked(RequestId id, std::uint64_t LaneCounters::*why) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  on_chats_prompt(id, OnPrompt::goes_on);
  ++(counters_[found->second.ticket.lane].*why);
  spared(found->second.ticket);
}

unsigned Admission::slots(const std::string& upstream) const {
  const auto found = upstreams_.find(upstream);
  return found == upstreams_.end() ? 1 : found->second.slots;
}

void Admission::unloaded(const std::string& upstream, const std::string& model) {
  upstreams_[upstream].unloaded.add(model);
}

bool Admission::is_unloaded(const std::string& upstream, const std::string& model) const {
  const auto found = upstreams_.find(upstream);
  return found != upstreams_.end() && found->second.unloaded.has(model);
}

void Admission::loaded(Upstream& upstream, std::string_view model) {
  upstream.changed |= upstream.unloaded.take_out(model);
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
  if (ticket.lane == Lane::interactive) {
    arrive_chat(ticket, now, out);
  } else {
    Job job;
    job.ticket = std::move(ticket);
    job.arrived = job.waits_since = job.not_before = now;
    job.upstream = &upstreams_[job.ticket.upstream];
    if (!job.ticket.compute.empty() && job.ticket.compute != job.ticket.upstream)
      job.beside = &upstreams_[job.ticket.compute];
    if (job.ticket.lane == Lane::keystroke) job.upstream->typed = now;
    if (job.ticket.lane == Lane::keystroke && job.beside != nullptr) job.beside->typed = now;
    if (!answered_at_once(job, now, out)) arrive_task(std::move(job), now, out);
  }
  start_what_may(now, out);
  return out;
}

void Admission::arrive_chat(const Ticket& ticket, Time now, Actions& out) {
  Upstream& upstream = upstreams_[ticket.upstream];
  chats_.emplace(ticket.id, ticket.upstream);
  make_way(ticket, now, out);  // counts it before anything can fail
  upstream.has_chats = true;
  loaded(upstream, ticket.model);
  if (ticket.unloads) unloaded(ticket.upstream, ticket.model);
  const bool behind = rewarmed_for(ticket, upstream) && (upstream.warm || rewarm_on(upstream));
  upstream.warm_turn = behind ? ticket.id : 0;
  upstream.chat_model = ticket.model;
  upstream.warm = upstream.asked_again = false;
  upstream.prompt_lost = false;
  upstream.warm_until = {};  // another chat's prompt is of no use now
  ++counters_[ticket.lane].started;
  out.emplace_back(std::in_place_type<Start>, ticket.id, ticket.upstream);
}

// For a chat, or a task that a person waits for.
void Admission::make_way(const Ticket& ticket, Time now, Actions& out) {
  Upstream& upstream = upstreams_[ticket.upstream];
  ++upstream.foreground;
  // The next turn of the very chat waits for less than it would lose: cancelled halfway, the prompt is gone
  // from the server's slot and from its cache (seen with Ollama: 1.1 s). In another slot it would not wait,
  // and both would compute the same.
  if (!rewarmed_for(ticket, upstream) || upstream.slots > 1) drop_rewarm(upstream, now, out);
  if (!released_) yield_to(ticket, upstream, now, out);
}

void Admission::end_foreground(Upstream& upstream, Time now) {
  --upstream.foreground;
  upstream.foreground_end = now;
  upstream.changed = true;
}

bool Admission::end_chat(RequestId id, std::uint64_t LaneCounters::*how, Time now, Actions& out) {
  const auto ended = chats_.extract(id);
  if (ended.empty()) return false;
  ++(counters_[Lane::interactive].*how);
  Upstream& upstream = upstreams_[ended.mapped()];
  used_by_chat(upstream);
  end_foreground(upstream, now);
  start_what_may(now, out);
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
    if (std::optional<std::string> rest = type_ahead_.rest(ticket.editor, ticket.typed, now)) {
      ++counters.type_ahead;
      if (ticket.settings.supersede) supersede(ticket, now, out);
      return say(AnswerKind::type_ahead, *rest);
    }
  }
  if (!ticket.settings.rate || ticket.rate_paid) return false;
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
  const Ticket& ticket = job.ticket;
  if (!ticket.settings.coalesce || !ticket.canonical || !ticket.lane.may(May::share)) return false;
  const auto& leaders = job.upstream->leaders;
  const auto same = leaders.find(*ticket.canonical);
  if (same == leaders.end()) return false;
  job.state = State::following;
  job.leader = same->second;
  jobs_.at(same->second).followers.push_back(ticket.id);
  ++counters_[ticket.lane].coalesced;
  spared(ticket);
  out.emplace_back(std::in_place_type<Share>, ticket.id, same->second);
  return true;
}

void Admission::arrive_task(Job job, Time now, Actions& out) {
  const Ticket& ticket = job.ticket;
  const RequestId id = ticket.id;
  const bool keystroke = ticket.lane == Lane::keystroke;
  if (ticket.lane != Lane::blocking)
    job.not_before =
        std::max(job.not_before, now + (keystroke ? ticket.settings.debounce : ticket.settings.settle));
  if (keystroke && ticket.settings.supersede) supersede(ticket, now, out);
  if (follows(job, out)) return keep(std::move(job));
  if (!released_ && keystroke && chats_beside(job) > 0 && ticket.settings.while_chat == WhileChat::answer) {
    ++counters_[ticket.lane].answered_empty;
    spared(ticket);
    out.emplace_back(std::in_place_type<AnswerNow>, id, AnswerKind::empty, "");
    return;
  }
  Upstream& upstream = *job.upstream;
  if (ticket.settings.coalesce && ticket.canonical) upstream.leaders[*ticket.canonical] = id;
  upstream.waiting.push_back(id);
  upstream.changed |= released_ || over_share(job, now) || std::min(due_at(job), forced_at(job)) <= now;
  keep(std::move(job));
}

// The newest request of a typist replaces the older ones, which are answered at once.
void Admission::supersede(const Ticket& newer, Time now, Actions& out) {
  std::vector<RequestId> older;
  for (const RequestId id : keystrokes_)
    if (id != newer.id && same_editor(jobs_.at(id).ticket, newer)) older.push_back(id);
  for (const RequestId id : older) {
    ++counters_[Lane::keystroke].superseded;
    answer(id, AnswerKind::empty, now, out);
  }
}

// Its client is told, and its upstream, if it runs, is free afterwards. Whoever shared its answer asks anew.
void Admission::answer(RequestId id, AnswerKind kind, Time now, Actions& out) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const Job& job = found->second;
  out.emplace_back(std::in_place_type<AnswerNow>, id, kind, "");
  if (job.state == State::following) return unfollow(id, now, out);
  if (!job.begun) spared(job.ticket);
  const std::vector<RequestId> sharing = remove(id, now).followers;
  if (!sharing.empty()) inherit(sharing, out);
}

// The first of those who shared the answer of one that ended without goes on in its place.
void Admission::inherit(const std::vector<RequestId>& sharing, Actions& out) {
  const RequestId heir = sharing.front();
  Job& job = jobs_.at(heir);
  job.state = State::waiting;
  job.leader = 0;
  job.followers.assign(sharing.begin() + 1, sharing.end());
  Upstream& upstream = *job.upstream;
  if (job.ticket.canonical) upstream.leaders[*job.ticket.canonical] = heir;
  upstream.waiting.push_front(heir);
  upstream.changed = true;
  for (const RequestId follower : job.followers) {
    jobs_.at(follower).leader = heir;
    out.emplace_back(std::in_place_type<Share>, follower, heir);
  }
}

// What runs in its way, on its server or beside it on the machine, is cancelled and waits again; a suggestion
// is not worth a second try. And what the typist was typing, wherever it is asked, has been sent.
void Admission::yield_to(const Ticket& chat, const Upstream& upstream, Time now, Actions& out) {
  std::vector<RequestId> in_its_way;
  std::vector<RequestId> sent;
  const auto beside = [&](const Job& job) { return job.upstream == &upstream || job.beside == &upstream; };
  for (const RequestId id : keystrokes_) {
    const Job& job = jobs_.at(id);
    if (sends_it(chat, job.ticket))
      sent.push_back(id);
    else if (beside(job))
      in_its_way.push_back(id);
  }
  for (const auto& [name, each] : upstreams_)
    for (const RequestId id : each.running)
      if (const Job& job = jobs_.at(id); job.ticket.lane == Lane::background && !job.rewarm && beside(job))
        in_its_way.push_back(id);
  for (const RequestId id : sent) {
    const bool running = jobs_.at(id).state == State::running;
    ++(counters_[Lane::keystroke].*(running ? &LaneCounters::pre_empted : &LaneCounters::answered_empty));
    answer(id, AnswerKind::empty, now, out);
  }
  for (const RequestId id : in_its_way)
    if (const auto found = jobs_.find(id); found != jobs_.end()) yield(found->second, now, out);
}

void Admission::yield(Job& job, Time now, Actions& out) {
  const RequestId id = job.ticket.id;
  const bool running = job.state == State::running;
  const std::optional<unsigned> most = job.ticket.settings.preempt;
  const bool may_end = job.ticket.lane.may(May::cancel);
  if (running && (!may_end || !most || job.overdue || job.preempted >= *most)) return;
  LaneCounters& counters = counters_[job.ticket.lane];
  if (running) ++counters.pre_empted;
  if (job.ticket.lane == Lane::keystroke && job.ticket.settings.while_chat == WhileChat::answer) {
    if (!running) ++counters.answered_empty;
    return answer(id, AnswerKind::empty, now, out);
  }
  if (!running) return;
  ++job.preempted;
  wait_again(job, now);
  out.emplace_back(std::in_place_type<Cancel>, id);
}

// One fewer waits for another's answer; where that one's client has gone too, it was the last.
void Admission::unfollow(RequestId id, Time now, Actions& out) {
  const RequestId leader = take_out(id).leader;
  const auto found = jobs_.find(leader);
  if (found == jobs_.end()) return;
  std::erase(found->second.followers, id);
  if (!found->second.client_gone || !found->second.followers.empty()) return;
  out.emplace_back(std::in_place_type<AnswerNow>, leader, AnswerKind::empty, "");
  remove(leader, now);
}

Actions Admission::client_gone(RequestId id, Time now) {
  Actions out;
  if (end_chat(id, &LaneCounters::client_gone, now, out)) return out;
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return out;
  Job& job = found->second;
  ++counters_[job.ticket.lane].client_gone;
  if (!job.followers.empty()) {
    job.client_gone = true;  // the others still want the answer
    return out;
  }
  if (job.state == State::following) {
    unfollow(id, now, out);
  } else {
    if (job.state == State::running) out.emplace_back(std::in_place_type<Cancel>, id);
    remove(id, now);
  }
  start_what_may(now, out);
  return out;
}

Actions Admission::finished(RequestId id, Time now) {
  Actions out;
  if (end_chat(id, &LaneCounters::finished, now, out)) return out;
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return out;
  const Job& job = found->second;
  ++(job.rewarm ? rewarm_counters_.finished : counters_[job.ticket.lane].finished);
  if (job.rewarm) {
    // A turn that came meanwhile has waited for it.
    job.upstream->warm = job.upstream->asked_again = job.upstream->foreground == 0;
    used_by_chat(*job.upstream);
  }
  if (job.behind_chat && job.state == State::running)
    counters_[job.ticket.lane].kept_from_chats += now - job.started;
  for (const RequestId follower : std::vector<RequestId>(job.followers)) take_out(follower);
  remove(id, now);
  start_what_may(now, out);
  return out;
}

void Admission::suggested(Editor editor, const std::string& typed, const std::string& suggestion, Time now) {
  type_ahead_.remember(editor, typed, suggestion, now);
}

// A keystroke's deadline holds to the end of its answer, another task's to its first start; one that shares
// an answer has started with the other.
std::optional<Time> Admission::deadline_of(const Job& job) const {
  if (!job.ticket.settings.deadline) return std::nullopt;
  const Job& asked = job.state == State::following ? jobs_.at(job.leader) : job;
  if (asked.begun && job.ticket.lane != Lane::keystroke) return std::nullopt;
  return job.arrived + *job.ticket.settings.deadline;
}

void Admission::expire(Time now, Actions& out) {
  std::vector<RequestId> late;
  for (const RequestId id : timed_)
    if (const auto deadline = deadline_of(jobs_.at(id)); deadline && *deadline <= now) late.push_back(id);
  for (const RequestId id : late) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) continue;
    ++counters_[found->second.ticket.lane].expired;
    answer(id, AnswerKind::empty, now, out);
  }
}

Actions Admission::release(bool on, Time now) {
  Actions out;
  released_ = on;
  for (auto& [name, upstream] : upstreams_) {
    if (on) drop_rewarm(upstream, now, out);
    upstream.changed = true;
  }
  start_what_may(now, out);
  return out;
}

Actions Admission::tick(Time now) {
  Actions out;
  expire(now, out);
  for (auto& [name, upstream] : upstreams_) upstream.changed = true;
  start_what_may(now, out);
  for (auto& [name, upstream] : upstreams_)
    if (wants_rewarm(upstream, now)) rewarm(name, upstream, now, out);
  return out;
}

void Admission::keep(Job job) {
  const RequestId id = job.ticket.id;
  if (job.ticket.lane == Lane::keystroke) keystrokes_.insert(id);
  if (job.ticket.settings.deadline) timed_.insert(id);
  jobs_.emplace(id, std::move(job));
}

Admission::Job Admission::take_out(RequestId id) {
  keystrokes_.erase(id);
  timed_.erase(id);
  return std::move(jobs_.extract(id).mapped());
}

// Takes it out of all that knows of it, but for those who share its answer.
Admission::Job Admission::remove(RequestId id, Time now) {
  Job job = take_out(id);
  Upstream& upstream = *job.upstream;
  if (job.state == State::running) {
    stop(job, now);
  } else {
    std::erase(upstream.waiting, id);
    upstream.changed |= now >= forced_at(job);  // others may have waited for it
  }
  if (job.ticket.canonical) {
    const auto leader = upstream.leaders.find(*job.ticket.canonical);
    if (leader != upstream.leaders.end() && leader->second == id) upstream.leaders.erase(leader);
  }
  return job;
}

}  // namespace tasklane
