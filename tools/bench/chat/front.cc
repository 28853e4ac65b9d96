#include "tools/bench/chat/front.h"

#include <algorithm>

#include "shaper/decide/decide.h"
#include "tools/bench/chat/watch.h"

namespace tasklane::bench {
namespace {

constexpr Duration oldest_chat = std::chrono::minutes(10);

std::string text_of(const Asked& asked) { return asked.suggestion.empty() ? "an answer" : asked.suggestion; }

UpstreamFigures figures_of(const sim::Usage& usage) {
  UpstreamFigures figures;
  figures.computed_tokens = usage.new_tokens;
  figures.cached_tokens = usage.cached_tokens;
  figures.prompt_time = usage.prefill;
  return figures;
}

}  // namespace

void Direct::ask(Asked asked, Done done) {
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  const std::string text = text_of(asked);
  model_.submit(std::move(asked.prompt), asked.answer_tokens,
                {[this, watch] { watch->token(world_.now()); },
                 [this, watch, text, done = std::move(done)](const sim::Usage&) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text;
                   done(watch->outcome);
                 }});
}

Shaped::Shaped(World& world, Server& model, Server* task, const Config& config, Without without,
               unsigned slots)
    : world_(world), model_(model), task_(task), config_(config), without_(without) {
  admission_.use_slots("model", slots);
  world_.add(*this);
}

std::pair<const Rule*, std::string> Shaped::rule_for(RequestClass request_class) const {
  RequestHead head;
  head.method = "POST";
  head.target = "/api/chat";
  Classification classification;
  classification.request_class = request_class;
  const Decision decision = decide(config_, DecideInput{head, endpoint_of(head.method, head.target), nullptr,
                                                        0, classification, "127.0.0.1"});
  return {decision.rule, decision.route.front()->original ? "model" : "task"};
}

void Shaped::ask(Asked asked, Done done) {
  const auto [rule, upstream] = rule_for(asked.request_class);
  if (rule == nullptr || !rule->then.laned) return ask_chat(std::move(asked), std::move(done));
  Ticket ticket;
  ticket.id = ++last_id_;
  ticket.request_class = asked.request_class;
  ticket.settings = rule->then.settings;
  ticket.lane = ticket.settings.lane.value_or(default_lane(asked.request_class));
  ticket.upstream = upstream;
  ticket.typist = asked.typist;
  ticket.typed = asked.typed;
  if (without_.settle) ticket.settings.settle = {};
  if (without_.quiet) ticket.settings.quiet = {};
  if (without_.preempt) ticket.settings.preempt.reset();
  Task task{std::move(asked),
            std::move(done),
            upstream == "task" ? task_ : &model_,
            upstream,
            false,
            world_.now(),
            0,
            0};
  task.slices = ticket.settings.slices && !without_.slices && ticket.lane == Lane::background;
  tasks_.emplace(ticket.id, std::move(task));
  carry_out(admission_.arrive(std::move(ticket), world_.now()));
}

void Shaped::ask_chat(Asked asked, Done done) {
  Ticket ticket;
  ticket.id = ++last_id_;
  ticket.lane = Lane::interactive;
  ticket.chat = asked.chat;
  ticket.typist = asked.typist;
  ticket.upstream = "model";
  const RequestId id = ticket.id;
  carry_out(admission_.arrive(std::move(ticket), world_.now()));
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  model_.submit(asked.prompt, asked.answer_tokens,
                {[this, watch] { watch->token(world_.now()); },
                 [this, id, watch, asked, done = std::move(done)](const sim::Usage&) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text_of(asked);
                   last_chat_ = asked.prompt;
                   last_chat_.insert(last_chat_.end(), asked.answer.begin(), asked.answer.end());
                   if (config_.original().rewarm && !without_.rewarm && rewarm_worth_.pays())
                     admission_.can_rewarm("model", asked.chat, world_.now() + oldest_chat);
                   carry_out(admission_.finished(id, world_.now()));
                   done(watch->outcome);
                 }});
}

void Shaped::carry_out(const Actions& actions) {
  for (const Action& action : actions) {
    if (const auto* begin = std::get_if<Start>(&action)) start(begin->id);
    if (const auto* wish = std::get_if<Rewarm>(&action)) rewarm(*wish);
    if (const auto* answer = std::get_if<AnswerNow>(&action)) local(answer->id, answer->text);
    if (const auto* cancel = std::get_if<Cancel>(&action)) {
      if (const auto found = tasks_.find(cancel->id); found != tasks_.end()) {
        found->second.server->close(std::exchange(found->second.running, 0));
        found->second.prefilled = 0;
      } else if (const auto own = rewarming_.find(cancel->id); own != rewarming_.end()) {
        model_.close(own->second);
        rewarming_.erase(own);
      }
    }
  }
}

// The next slice, or the whole.
void Shaped::start(RequestId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;  // a chat: it goes by itself
  Task& task = found->second;
  SliceWorth& worth = slice_worth_[task.upstream];
  const std::optional<SliceOptions> cut = task.slices ? worth.options() : std::nullopt;
  const std::size_t whole = task.asked.prompt.size();
  const std::size_t step = !cut                         ? whole
                           : admission_.chat_beside(id) ? cut->slice_tokens / cut->parts
                                                        : cut->slice_tokens;
  const std::size_t end =
      cut ? task.prefilled + std::max(step, task.prefilled == 0 ? cut->first_tokens : 0) : whole;
  if (cut && end + step / 2 < whole) {
    const sim::Tokens part(task.asked.prompt.begin(),
                           task.asked.prompt.begin() + static_cast<std::ptrdiff_t>(end));
    admission_.sliced(Lane::background);
    const std::size_t before = std::exchange(task.prefilled, end);
    task.running = task.server->submit(
        part, 1, {{}, [this, id, end, before, cut = *cut](const sim::Usage& usage) {
                    slice_worth_[tasks_.at(id).upstream].slice(figures_of(usage), end, before, cut);
                    start(id);
                  }});
    return;
  }
  task.running = task.server->submit(task.asked.prompt, task.asked.answer_tokens,
                                     {{}, [this, id](const sim::Usage& usage) {
                                        slice_worth_[tasks_.at(id).upstream].whole(figures_of(usage));
                                        answered(id);
                                      }});
}

void Shaped::answered(RequestId id) {
  const Task& task = tasks_.at(id);
  const std::string text = text_of(task.asked);
  if (task.asked.request_class == RequestClass::autocomplete)
    admission_.suggested(task.asked.typist, task.asked.typed, task.asked.suggestion, world_.now());
  const Actions actions = admission_.finished(id, world_.now());
  finish(id, text);
  carry_out(actions);
}

void Shaped::local(RequestId id, const std::string& text) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  if (found->second.running != 0) found->second.server->close(found->second.running);
  finish(id, text);
}

void Shaped::finish(RequestId id, const std::string& text) {
  auto ended = tasks_.extract(id);
  Outcome outcome;
  outcome.text = text;
  outcome.total = outcome.first_token = world_.now() - ended.mapped().arrived;
  ended.mapped().done(outcome);
}

void Shaped::rewarm(const Rewarm& wish) {
  const Time begun = world_.now();
  const RequestId id = wish.id;
  rewarming_[id] = model_.submit(last_chat_, 1, {{}, [this, id, begun](const sim::Usage&) {
                                                   rewarming_.erase(id);
                                                   rewarm_worth_.measured(world_.now() - begun);
                                                   carry_out(admission_.finished(id, world_.now()));
                                                 }});
}

}  // namespace tasklane::bench
