#include "tools/modelsim/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tasklane::sim {
namespace {

// llama-server looks at a waiting connection only after a second without any result.
constexpr Duration close_poll = std::chrono::seconds(1);
// Measured: 24, 42, 63 and 60 ms a token beside none, one, two and three others.
constexpr double share_of_each_other = 0.8;
constexpr double most_sharing = 2.6;
// A slot is chosen by its cache only where enough of the prompt is in it.
constexpr double slot_similarity = 0.1;
// What a slot holds goes to the host's memory only where less than half of it is gone on from.
constexpr std::size_t worth_keeping = 2;

}  // namespace

const char* to_text(Fate fate) {
  switch (fate) {
    case Fate::waiting:
      return "waiting";
    case Fate::running:
      return "running";
    case Fate::done:
      return "done";
    case Fate::cancelled_queued:
      return "cancelled_queued";
    case Fate::cancelled_prefill:
      return "cancelled_prefill";
    case Fate::cancelled_decode:
      return "cancelled_decode";
    case Fate::refused:
      return "refused";
  }
  return "";
}

bool Engine::Runner::busy() const {
  return !queue.empty() ||
         std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return slot.job.has_value(); });
}

Engine::Engine(EngineOptions options) : options_(options) {}

Engine::Runner Engine::make_runner(const std::string& model, const std::string& load_options,
                                   std::optional<Time> ready) const {
  return Runner{model,
                load_options,
                ready,
                std::vector<Slot>(std::max(1u, options_.slots)),
                HostCache(options_.host_cache),
                {},
                {},
                {},
                {},
                0};
}

Engine::Runner* Engine::runner_for(const Work& work) {
  for (Runner& runner : runners_)
    if (runner.model == work.model && runner.load_options == work.load_options) return &runner;
  return nullptr;
}

std::uint64_t Engine::submit(Work work, Time now) {
  Job job{++last_id_, std::move(work), now, std::nullopt};
  if (options_.flavour == Flavour::llama) job.work.load_options.clear();
  records_[job.id] = Record{job.id, Fate::waiting, now, {}, {}, {}, {}, {}, -1};
  const std::uint64_t id = job.id;
  place(std::move(job), now);
  return id;
}

void Engine::enqueue(std::deque<Job>& queue, Job job) {
  const auto behind = std::find_if(queue.begin(), queue.end(),
                                   [&](const Job& each) { return each.work.priority > job.work.priority; });
  queue.insert(behind, std::move(job));
}

// A loaded model's requests go to its runner at once; the others wait until one can be loaded, and are
// overtaken.
void Engine::place(Job job, Time now) {
  if (runners_.empty() && options_.loaded_at_start)
    runners_.push_back(make_runner(job.work.model, job.work.load_options, std::nullopt));
  if (Runner* runner = runner_for(job.work)) {
    runner->used = ++uses_;
    enqueue(runner->queue, std::move(job));
    return launch_waiting(*runner, now);
  }
  if (waiting_for_load_.size() > options_.max_queue) {
    records_[job.id].fate = Fate::refused;
    events_.push_back({job.id, EventKind::refused, now, "", {}});
    return;
  }
  waiting_for_load_.push_back(std::move(job));
  load_next(now);
}

void Engine::load_next(Time now) {
  while (!waiting_for_load_.empty()) {
    const Work& work = waiting_for_load_.front().work;
    Runner* runner = runner_for(work);
    if (runner == nullptr) {
      const auto same_model = std::find_if(runners_.begin(), runners_.end(),
                                           [&](const Runner& r) { return r.model == work.model; });
      auto victim = same_model;
      if (victim == runners_.end() && runners_.size() >= options_.max_loaded)
        victim = std::min_element(runners_.begin(), runners_.end(), [](const Runner& a, const Runner& b) {
          return std::pair(a.busy(), a.used) < std::pair(b.busy(), b.used);
        });
      if (victim != runners_.end()) {
        if (victim->busy() || victim->ready) return;  // it must run out first
        runners_.erase(victim);
      }
      runners_.push_back(make_runner(work.model, work.load_options, now + options_.load_time));
      runner = &runners_.back();
    }
    runner->used = ++uses_;
    Job job = std::move(waiting_for_load_.front());
    waiting_for_load_.pop_front();
    records_[job.id].usage.load = options_.load_time;
    enqueue(runner->queue, std::move(job));
    launch_waiting(*runner, now);
  }
}

// By the longest shared prefix, else the least recently used.
Engine::Slot* Engine::free_slot(Runner& runner, const Tokens& prompt) {
  Slot* best = nullptr;
  std::size_t best_shared = 0;
  for (Slot& slot : runner.slots) {
    if (slot.job) continue;
    const std::size_t shared = common_prefix(slot.cache, prompt);
    const bool similar = static_cast<double>(shared) > slot_similarity * static_cast<double>(prompt.size());
    if (similar && shared > best_shared) {
      best = &slot;
      best_shared = shared;
    }
  }
  if (best != nullptr) return best;
  for (Slot& slot : runner.slots)
    if (!slot.job && (best == nullptr || slot.used < best->used)) best = &slot;
  return best;
}

void Engine::launch_waiting(Runner& runner, Time now) {
  if (runner.ready) return;
  while (!runner.queue.empty()) {
    if (free_slot(runner, {}) == nullptr) break;
    Job job = std::move(runner.queue.front());
    runner.queue.pop_front();
    launch(runner, std::move(job), now);
  }
  if (!runner.step_end) begin_step(runner, now);
}

void Engine::launch(Runner& runner, Job job, Time now) {
  Slot& slot = *free_slot(runner, job.work.prompt);
  std::size_t shared = common_prefix(slot.cache, job.work.prompt);
  slot.restore = {};
  const bool similar =
      static_cast<double>(shared) > slot_similarity * static_cast<double>(job.work.prompt.size());
  if ((!similar || shared * worth_keeping < slot.cache.size()) && options_.host_cache > 0) {
    Tokens better = runner.host.take_best(job.work.prompt, shared);
    runner.host.keep(slot.cache);
    if (!better.empty()) {
      slot.restore = from_seconds(static_cast<double>(better.size()) / options_.restore_rate);
      slot.cache = std::move(better);
      shared = common_prefix(slot.cache, job.work.prompt);
    }
  }
  // The last token is always computed anew: it gives the first token of the answer.
  shared = std::min(shared, job.work.prompt.empty() ? 0 : job.work.prompt.size() - 1);
  slot.cache.assign(job.work.prompt.begin(), job.work.prompt.begin() + static_cast<std::ptrdiff_t>(shared));
  slot.placed = shared;
  slot.generated = 0;
  slot.said.clear();
  slot.launched = now;
  Record& record = records_[job.id];
  slot.usage = record.usage;
  slot.usage.cached_tokens = shared;
  record.fate = Fate::running;
  record.launched = now;
  record.slot = static_cast<int>(&slot - runner.slots.data());
  events_.push_back({job.id, EventKind::launched, now, "", {}});
  last_result_ = now;
  slot.job = std::move(job);
}

Duration Engine::step_time(const Runner& runner, std::size_t prompt_tokens, std::size_t decoders) const {
  double seconds = static_cast<double>(prompt_tokens) / options_.prefill_rate;
  if (decoders > 0)
    seconds += std::min(1 + share_of_each_other * static_cast<double>(decoders - 1), most_sharing) /
               options_.decode_rate;
  // Two models at once share the machine.
  const auto others = std::count_if(runners_.begin(), runners_.end(),
                                    [&](const Runner& other) { return &other != &runner && other.step_end; });
  // Never no time at all, however fast: time would stand still.
  return std::max(from_seconds(seconds * static_cast<double>(1 + others)), Duration(1));
}

void Engine::begin_step(Runner& runner, Time now) {
  runner.step_end.reset();
  runner.step_prompt.assign(runner.slots.size(), 0);
  std::size_t prompt_tokens = 0;
  std::size_t decoders = 0;
  Duration restore{};
  bool any = false;
  for (std::size_t i = 0; i < runner.slots.size(); ++i) {
    Slot& slot = runner.slots[i];
    if (!slot.job) continue;
    any = true;
    restore += std::exchange(slot.restore, Duration{});
    const std::size_t left = slot.job->work.prompt.size() - slot.placed;
    if (left == 0) {
      ++decoders;
      continue;
    }
    runner.step_prompt[i] =
        std::min<std::size_t>(left, options_.batch - std::min<std::size_t>(prompt_tokens, options_.batch));
    prompt_tokens += runner.step_prompt[i];
  }
  if (!any) return;
  runner.step_begin = now;
  runner.step_end = now + step_time(runner, prompt_tokens, decoders) + restore;
  computed_ += prompt_tokens;
}

// A real server's slot goes on from the prompt with the answer, so a next turn that quotes it finds it there.
// The last token of a text that goes on is another one with more of it.
void Engine::say(Slot& slot, const std::string& text) {
  const Work& work = slot.job->work;
  const auto end = slot.cache.begin() + static_cast<std::ptrdiff_t>(work.prompt.size());
  slot.cache.erase(end, slot.cache.end());
  slot.said += text;
  if (work.quoted.empty()) return append_tokens(slot.cache, slot.said);
  const std::size_t so_far = work.quoted.size() * slot.generated / work.answer.size();
  slot.cache.insert(slot.cache.end(), work.quoted.begin(),
                    work.quoted.begin() + static_cast<std::ptrdiff_t>(so_far));
}

void Engine::emit_token(Runner& runner, Slot& slot, Time at) {
  const Work& work = slot.job->work;
  Record& record = records_[slot.job->id];
  if (slot.generated < work.answer.size()) {
    const std::string& text = work.answer[slot.generated++];
    say(slot, text);
    if (!record.first_token) record.first_token = at;
    events_.push_back({slot.job->id, EventKind::token, at, text, {}});
    if (work.stream) last_result_ = at;
  }
  slot.usage.generated = slot.generated;
  slot.usage.cut =
      work.most_tokens > 0 && slot.generated >= work.most_tokens && slot.generated < work.answer.size();
  if (slot.generated < work.answer.size() && !slot.usage.cut) return;
  events_.push_back({slot.job->id, EventKind::done, at, "", slot.usage});
  last_result_ = at;
  release(runner, slot, Fate::done, at);
}

void Engine::end_step(Runner& runner) {
  const Time at = *runner.step_end;
  const Duration took = at - runner.step_begin;
  runner.step_end.reset();
  for (std::size_t i = 0; i < runner.slots.size(); ++i) {
    Slot& slot = runner.slots[i];
    if (!slot.job || slot.launched >= at) continue;
    const Tokens& prompt = slot.job->work.prompt;
    const std::size_t placed = i < runner.step_prompt.size() ? runner.step_prompt[i] : 0;
    if (placed > 0) {
      const auto from = prompt.begin() + static_cast<std::ptrdiff_t>(slot.placed);
      slot.cache.insert(slot.cache.end(), from, from + static_cast<std::ptrdiff_t>(placed));
      slot.placed += placed;
      slot.usage.new_tokens += placed;
      slot.usage.prefill += took;
      if (slot.placed == prompt.size()) emit_token(runner, slot, at);
    } else if (slot.placed == prompt.size()) {
      slot.usage.decode += took;
      emit_token(runner, slot, at);
    }
  }
  notice_closed(runner, at);
  launch_waiting(runner, at);
  if (!runner.step_end) begin_step(runner, at);
  load_next(at);
}

void Engine::release(Runner& runner, Slot& slot, Fate fate, Time at) {
  Record& record = records_[slot.job->id];
  record.fate = fate;
  record.ended = at;
  record.usage = slot.usage;
  if (slot.job->closed && fate != Fate::done) record.close_noticed = at;
  slot.job.reset();
  slot.used = runner.used = ++uses_;
}

// Ollama always asks its runner for a stream, so it sees a closed connection at once; llama-server sees that
// of a streamed request at its next result, that of another after a second of silence.
std::optional<Time> Engine::notices_close_at(const Job& job) const {
  if (!job.closed) return std::nullopt;
  if (options_.flavour == Flavour::ollama || job.work.stream) return *job.closed;
  const Duration since = std::max(*job.closed - last_result_, Duration{1});
  const auto polls = (since + close_poll - Duration{1}) / close_poll;
  return last_result_ + polls * close_poll;
}

void Engine::notice_closed(Runner& runner, Time now) {
  for (Slot& slot : runner.slots) {
    if (!slot.job) continue;
    const std::optional<Time> noticed = notices_close_at(*slot.job);
    if (!noticed || *noticed > now) continue;
    const bool in_prefill = slot.placed < slot.job->work.prompt.size();
    release(runner, slot, in_prefill ? Fate::cancelled_prefill : Fate::cancelled_decode, now);
  }
}

void Engine::drop_queued(std::deque<Job>& queue, std::uint64_t id, Time now) {
  const auto found = std::find_if(queue.begin(), queue.end(), [&](const Job& job) { return job.id == id; });
  if (found == queue.end()) return;
  found->closed = now;
  if (options_.flavour == Flavour::llama) return;  // it stays, and runs its first step
  Record& record = records_[id];
  record.fate = Fate::cancelled_queued;
  record.ended = record.close_noticed = now;
  queue.erase(found);
}

void Engine::close(std::uint64_t id, Time now) {
  drop_queued(waiting_for_load_, id, now);
  for (Runner& runner : runners_) {
    drop_queued(runner.queue, id, now);
    for (Slot& slot : runner.slots)
      if (slot.job && slot.job->id == id && !slot.job->closed) slot.job->closed = now;
  }
  load_next(now);
}

std::optional<Time> Engine::next_of(const Runner& runner) const {
  if (runner.ready) return runner.ready;
  return runner.step_end;
}

std::optional<Time> Engine::next_event() const {
  std::optional<Time> next;
  if (!events_.empty()) return Time::min();
  for (const Runner& runner : runners_)
    if (const auto at = next_of(runner); at && (!next || *at < *next)) next = at;
  return next;
}

std::vector<Event> Engine::advance(Time now) {
  for (;;) {
    Runner* first = nullptr;
    for (Runner& runner : runners_)
      if (const auto at = next_of(runner); at && *at <= now && (first == nullptr || *at < *next_of(*first)))
        first = &runner;
    if (first == nullptr) break;
    if (first->ready) {
      const Time at = *first->ready;
      first->ready.reset();
      launch_waiting(*first, at);
      load_next(at);
    } else {
      end_step(*first);
    }
  }
  return std::exchange(events_, {});
}

void Engine::forget_records() {
  std::erase_if(records_, [](const auto& entry) {
    return entry.second.fate != Fate::waiting && entry.second.fate != Fate::running;
  });
}

std::vector<SlotView> Engine::slots() const {
  std::vector<SlotView> views;
  if (runners_.empty())
    views.resize(options_.slots);
  else
    for (const Slot& slot : runners_.back().slots)
      views.push_back({0, slot.job.has_value(), slot.job ? slot.job->id : 0, slot.placed, slot.generated});
  for (unsigned i = 0; i < views.size(); ++i) views[i].id = i;
  return views;
}

std::vector<std::string> Engine::loaded_models() const {
  std::vector<std::string> names;
  for (const Runner& runner : runners_) names.push_back(runner.model);
  return names;
}

std::vector<std::string> Engine::ready_models() const {
  std::vector<std::string> names;
  for (const Runner& runner : runners_)
    if (!runner.ready) names.push_back(runner.model);
  return names;
}

bool Engine::loading() const {
  return std::any_of(runners_.begin(), runners_.end(),
                     [](const Runner& runner) { return runner.ready.has_value(); });
}

}  // namespace tasklane::sim
