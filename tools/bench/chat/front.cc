#include "tools/bench/chat/front.h"

#include <algorithm>

#include "shaper/decide/decide.h"
#include "tools/bench/chat/watch.h"

namespace tasklane::bench {
namespace {

constexpr Duration oldest_chat = std::chrono::minutes(10);

std::string text_of(const Asked& asked) { return asked.suggestion.empty() ? "an answer" : asked.suggestion; }

KnownPrefix beginning_of(const sim::Tokens& prompt) {
  return KnownPrefix({reinterpret_cast<const char*>(prompt.data()), prompt.size() * sizeof(prompt[0])});
}

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
  ticket.typist = Typist(asked.typist);
  ticket.typist_by = TypistEvidence::header;
  ticket.editor = Editor(asked.typist);
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
  task.slices = ticket.settings.slices && !without_.slices && ticket.lane != Lane::blocking;
  tasks_.emplace(ticket.id, std::move(task));
  carry_out(admission_.arrive(std::move(ticket), world_.now()));
}

void Shaped::ask_chat(Asked asked, Done done) {
  Ticket ticket;
  ticket.id = ++last_id_;
  ticket.lane = Lane::interactive;
  ticket.chat = Conversation({asked.chat});
  ticket.typist = Typist(asked.typist);
  ticket.typist_by = TypistEvidence::header;
  ticket.editor = Editor(asked.typist);
  ticket.upstream = "model";
  const RequestId id = ticket.id;
  carry_out(admission_.arrive(std::move(ticket), world_.now()));
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  model_.submit(asked.prompt, asked.answer_tokens,
                {[this, watch] { watch->token(world_.now()); },
                 [this, id, watch, asked, done = std::move(done)](const sim::Usage& usage) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text_of(asked);
                   last_chat_ = asked.prompt;
                   last_chat_.insert(last_chat_.end(), asked.answer.begin(), asked.answer.end());
                   last_key_ = asked.chat;
                   next_rewarm_ = RewarmOf::answer;
                   slice_worth_["model"].chat(figures_of(usage));
                   if (config_.original().rewarm && !without_.rewarm && rewarm_worth_.pays(RewarmOf::answer))
                     admission_.can_rewarm("model", Conversation({asked.chat}), world_.now() + oldest_chat);
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
  const std::size_t step = cut ? cut->slice_tokens / (admission_.chat_beside(id) ? cut->parts : 1) : whole;
  const std::size_t end = !cut                  ? whole
                          : task.prefilled == 0 ? std::max(known_of(task) + step, cut->first_tokens)
                                                : task.prefilled + step;
  const std::size_t part_tokens = cut ? cut->slice_tokens / cut->parts : 0;
  if (cut && end + part_tokens / 2 <= whole) {
    const sim::Tokens part(task.asked.prompt.begin(),
                           task.asked.prompt.begin() + static_cast<std::ptrdiff_t>(end));
    admission_.sliced(default_lane(task.asked.request_class));
    const std::size_t before = std::exchange(task.prefilled, end);
    task.running = task.server->submit(
        part, 1, {{}, [this, id, end, before, cut = *cut](const sim::Usage& usage) {
                    told_by(tasks_.at(id), figures_of(usage)).slice(figures_of(usage), end, before, cut);
                    start(id);
                  }});
    return;
  }
  task.running =
      task.server->submit(task.asked.prompt, task.asked.answer_tokens,
                          {{}, [this, id](const sim::Usage& usage) {
                             Task& ended = tasks_.at(id);
                             told_by(ended, figures_of(usage)).whole(figures_of(usage), ended.prefilled);
                             answered(id);
                           }});
}

// Tokens that the server is taken to have in its cache.
std::size_t Shaped::known_of(Task& task) {
  if (task.asked.request_class != RequestClass::autocomplete) return 0;
  const std::size_t bytes = beginning_of(task.asked.prompt).shared(slice_worth_[task.upstream].suggestion());
  task.begins_known = bytes > 0;
  return bytes / sizeof(sim::Tokens::value_type);
}

SliceWorth& Shaped::told_by(Task& task, const UpstreamFigures& figures) {
  SliceWorth& worth = slice_worth_[task.upstream];
  if (std::exchange(task.begins_known, false)) worth.suggestion_goes_on(figures);
  return worth;
}

void Shaped::answered(RequestId id) {
  const Task& task = tasks_.at(id);
  const std::string text = text_of(task.asked);
  if (task.asked.request_class == RequestClass::autocomplete) {
    slice_worth_[task.upstream].suggested(beginning_of(task.asked.prompt));
    admission_.suggested(Editor(task.asked.typist), task.asked.typed, task.asked.suggestion, world_.now());
  }
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
                                                   rewarm_worth_.measured(
                                                       std::exchange(next_rewarm_, RewarmOf::lost_prompt),
                                                       world_.now() - begun);
                                                   if (!rewarm_worth_.pays(RewarmOf::lost_prompt))
                                                     admission_.can_rewarm("model", last_key_, {});
                                                   carry_out(admission_.finished(id, world_.now()));
                                                 }});
}

}  // namespace tasklane::bench
