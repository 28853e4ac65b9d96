#include "shaper/task/life.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/decide/balance.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/translate.h"
#include "shaper/http/status.h"

namespace tasklane {
namespace {

using State = Life::State;
using Event = Life::Event;

using http_status::bad_gateway;
using http_status::not_now;
using http_status::over_rate;

constexpr std::uint32_t among(std::initializer_list<State> states) {
  std::uint32_t set = 0;
  for (const State state : states) set |= 1u << static_cast<unsigned>(state);
  return set;
}

// In the order of Event: the table of the header.
constexpr std::array<std::uint32_t, 8> comes_in{
    among({State::waiting, State::sharing, State::stopping}),
    among({State::waiting, State::sharing}),
    among({State::due, State::dialling, State::prefilling, State::asking, State::grafting, State::stopping}),
    among({State::waiting, State::sharing, State::due, State::dialling, State::prefilling, State::asking,
           State::grafting, State::stopping}),
    among({State::sharing}),
    ~std::uint32_t{0},
    among({State::dialling, State::stopping}),
    among({State::prefilling, State::asking, State::grafting, State::stopping})};

}  // namespace

bool Life::may_come(Event event, State state) {
  return (comes_in.at(static_cast<std::size_t>(event)) >> static_cast<unsigned>(state) & 1u) != 0;
}

bool Life::expect(Event event) {
  const bool expected = may_come(event, state_);
  if (!expected) ++unexpected_;
  return expected;
}

Life::Life(Around around, TaskPlan plan, std::vector<Hop> route)
    : around_(around), plan_(std::move(plan)), route_(std::move(route)) {}

void Life::started() {
  if (!expect(Event::started)) return;
  if (state_ == State::stopping)
    turn_ = true;
  else
    state_ = State::due;
}

void Life::shared() {
  if (expect(Event::shared)) state_ = State::sharing;
}

void Life::cancelled() {
  if (!expect(Event::cancelled)) return;
  if (state_ == State::due) {
    state_ = State::waiting;
    prepared_ = false;
  } else {
    stop();
  }
}

void Life::answered(AnswerKind kind, const std::string& text) {
  if (!expect(Event::answered)) return;
  in_lane_ = false;
  const std::string rule = "rule '" + plan_.decision.rule->name + "'";
  if (kind == AnswerKind::reject)
    local_ = own_error(over_rate, "over the rate of " + rule);
  else if (kind == AnswerKind::type_ahead)
    local_ = with_text(text);
  else if (plan_.empty)
    local_ = plan_.empty;
  else
    local_ =
        own_error(not_now, "by " + rule + " no model is asked now, and a request of class '" +
                               std::string(to_text(plan_.ticket.request_class)) + "' has no empty answer");
  gone_ = client_left_;  // nobody is left to be told
  if (state_ == State::waiting || state_ == State::sharing || state_ == State::due)
    stopped();
  else
    stop();
}

// Who asked for it has failed: its error is not this one's, who asks for itself.
void Life::given(std::shared_ptr<const TaskResult> result, Time now) {
  if (!expect(Event::given)) return;
  in_lane_ = false;
  if (result->answer) {
    result_ = std::move(result);
    remember_suggestion(*result_->answer, now);
    state_ = State::answered;
    return;
  }
  may_share_ = index_ + 1 < route_.size();
  if (may_share_) ++around_.statistics.row(plan_.ticket.request_class, upstream().name).failed_over;
  if (may_share_) ++index_;
  state_ = State::next_upstream;
}

void Life::client_left(bool others_wait) {
  if (!expect(Event::client_left)) return;
  client_left_ = true;
  if (others_wait) return;
  switch (state_) {
    case State::dialling:
    case State::prefilling:
    case State::asking:
    case State::grafting:
    case State::stopping:
      gone_ = true;
      return stop();
    default:
      state_ = State::gone;
  }
}

void Life::stop() {
  if (state_ != State::stopping) stop_due_ = true;
  state_ = State::stopping;
  turn_ = false;
  to_send_ = false;
}

// Nothing is on its way any more.
void Life::stopped() {
  prepared_ = false;
  if (gone_)
    state_ = State::gone;
  else if (local_)
    state_ = State::answered;
  else
    state_ = std::exchange(turn_, false) ? State::due : State::waiting;
}

void Life::dialled(const std::optional<std::string>& problem, Time now) {
  if (!expect(Event::dialled)) return;
  if (state_ != State::stopping && problem && attempt_) attempt_->unreached(now);
  if (state_ == State::stopping || problem) attempt_.reset();
  if (state_ == State::stopping) return stopped();
  if (problem)
    return fail(own_error(bad_gateway, "upstream '" + upstream().name + "' cannot be reached: " + *problem));
  state_ = prefill_.part ? State::prefilling : graft_ ? State::grafting : State::asking;
  to_send_ = true;
}

void Life::replied(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  if (!expect(Event::replied)) return;
  settle(reply, assembler, now);
  if (state_ != State::stopping && !reply.stale) judge_upstream(reply, assembler, now);
  attempt_.reset();  // what was stopped says nothing
  if (state_ == State::stopping) return stopped();
  const State was = std::exchange(state_, State::due);
  if (reply.stale) {
    ++around_.statistics.relay().upstream_reconnects;
    reconnects_ = true;
    return;
  }
  reconnects_ = false;
  if (learn_priority(reply, assembler, now)) return;
  if (was == State::prefilling)
    take_slice(reply, assembler.figures());
  else if (was == State::grafting)
    conclude_graft(reply, assembler, now);
  else
    conclude(reply, assembler, now);
}

Effect Life::next(Time now) {
  switch (state_) {
    case State::planned:
      begun_ = now;
      return pass_over(now);
    case State::next_upstream:
      return go_on(now);
    case State::due:
      return dial(now);
    case State::prefilling:
    case State::asking:
    case State::grafting:
      if (std::exchange(to_send_, false)) return send(now);
      return effect::Wait{};
    case State::stopping:
      if (std::exchange(stop_due_, false)) return effect::StopUpstream{};
      return effect::Wait{};
    case State::answered:
    case State::failed:
    case State::gone:
      return end();
    case State::waiting:
    case State::sharing:
    case State::dialling:
      return effect::Wait{};
  }
  return effect::Wait{};
}

Effect Life::end() {
  present_.reset();
  if (state_ != State::gone && std::exchange(in_lane_, false))
    return effect::LeaveLane{result_ ? result_ : last_error_ ? last_error_ : given_up()};
  if (client_left_) return effect::Done{};
  if (local_) return effect::Done{local_};
  if (result_) {
    LocalAnswer written = render(*result_->answer, plan_.form);
    written.reason = result_->reason;
    written.fields = result_->fields;
    return effect::Done{std::move(written)};
  }
  return effect::Done{last_error_->error};
}

// Waits for this upstream, or shares the answer of another who does.
Effect Life::enter(const MadeBody& made, Time now) {
  Ticket wish = ticket(made, now);
  if (answered_from_cache(wish, now)) {
    state_ = State::answered;
    return end();
  }
  begun_once_ = true;
  in_lane_ = true;
  beside_chats_ = goes_beside_chats(made);
  present_ = upstream().original ? nullptr : upstream_page().present;
  state_ = State::waiting;
  return effect::EnterLane{std::move(wish)};
}

Effect Life::go_on(Time now) {
  if (std::exchange(in_lane_, false)) return effect::LeaveLane{last_error_};
  return pass_over(now);
}

ModelKey Life::model_key() const { return {hop().server, upstream().model.value_or(plan_.form.model)}; }

// The key is that of the body as this upstream gets it: what rules change differently is not shared.
Ticket Life::ticket(const MadeBody& made, Time now) const {
  Ticket ticket = plan_.ticket;
  ticket.upstream = hop().server.name;
  ticket.compute = hop().compute;
  ticket.model = model_key().model;
  if (may_share_)
    ticket.canonical = around_.canonical.key_of(ticket.tenant, ticket.request_class, dialect(),
                                                model_key().model, made.json);
  if (goes_beside_chats(made)) {
    ticket.settings.settle = ticket.settings.quiet = Duration::zero();
    ticket.settings.hold = false;
    ticket.settings.preempt.reset();
    ticket.settings.while_chat = WhileChat::hold;
  }
  if (!begun_once_) return ticket;
  ticket.rate_paid = true;
  const Duration waited = now - begun_;
  LaneSettings& settings = ticket.settings;
  settings.max_wait = std::max(Duration::zero(), settings.max_wait - waited);
  if (settings.deadline) settings.deadline = std::max(Duration::zero(), *settings.deadline - waited);
  return ticket;
}

bool Life::answered_from_cache(const Ticket& ticket, Time now) {
  cache_key_.reset();
  if (!ticket.settings.cache || !ticket.canonical) return false;
  cache_key_ = AnswerCache::Key{ticket.upstream, *ticket.canonical};
  const std::shared_ptr<const Answer> known = around_.answers.find(*cache_key_, now);
  if (known == nullptr) return false;
  auto result = std::make_shared<TaskResult>();
  result->answer = *known;
  remember_suggestion(*known, now);
  result_ = std::move(result);
  around_.admission.answered_from_cache(ticket);
  return true;
}

Effect Life::dial(Time now) {
  if (const std::optional<std::string> problem = unavailable(now)) {
    fail(own_error(not_now, "upstream '" + upstream().name + "' " + *problem));
    return next(now);
  }
  if (!std::exchange(prepared_, true)) prepare(now);
  const bool too_late = comes_too_late(now);
  if (too_late || costs_the_chat_its_prompt(now)) {
    around_.admission.not_asked(plan_.ticket.id,
                                too_late ? &LaneCounters::expired : &LaneCounters::over_share);
    local_ = plan_.empty;
    state_ = State::answered;
    return end();
  }
  if (prefill_.slices && around_.admission.rests(plan_.ticket.id, now)) {
    stopped();
    return effect::Rest{};
  }
  if (!upstream().original) attempt_.emplace(upstream_page().health, now);
  state_ = State::dialling;
  const bool others_behind = index_ + 1 < route_.size() &&
                             serves_as_well(around_.book, upstream(), *route_[index_ + 1].upstream, now);
  return effect::Dial{&hop(), !reconnects_, others_behind};
}

Effect Life::send(Time now) {
  asked_ = true;
  if (upstream().service && upstream().service->price)
    bill_.emplace(upstream_page().spending, *upstream().service->price, plan_.ticket.prompt_tokens, now);
  around_.admission.sent(plan_.ticket.id, graft_ ? OnPrompt::goes_on : OnPrompt::pushes_out);
  // What the last suggestion has in the cache and this one has not is lost, whether this one ends or not.
  if (prefill_.beginning && !graft_)
    slice_worth().suggested(prefill_.beginning->first(prefill_.slices->known_bytes()));
  if (!prefill_.part && graft_) return effect::Send{to_wire_json(graft_->json), Keep::answer, dialect()};
  if (!prefill_.part) return effect::Send{plan_.body.text_of(made_), Keep::answer, dialect()};
  around_.admission.sliced(plan_.ticket.lane);
  return effect::Send{prefill_.slices->body(*prefill_.part), Keep::figures, dialect()};
}

// This upstream has; the next one of the route is asked, but for nobody.
void Life::fail(LocalAnswer error) {
  present_.reset();
  auto result = std::make_shared<TaskResult>();
  result->error = std::move(error);
  last_error_ = std::move(result);
  if (index_ + 1 == route_.size() || client_left_) {
    // Behind a service no model of one's own is left to ask.
    if (upstream().service && !client_left_) local_ = plan_.empty;
    state_ = local_ ? State::answered : State::failed;
    return;
  }
  ++around_.statistics.row(plan_.ticket.request_class, upstream().name).failed_over;
  ++index_;
  may_share_ = true;
  priority_refused_ = false;
  state_ = State::next_upstream;
}

std::shared_ptr<const TaskResult> Life::given_up() const {
  auto result = std::make_shared<TaskResult>();
  result->error = own_error(bad_gateway, "the request was given up");
  return result;
}

LocalAnswer Life::own_error(int status, const std::string& message) const {
  return error_answer(plan_.form.dialect, "", status, "tasklane: " + message);
}

// The suggestion that goes on where the typist is, in the client's own form.
LocalAnswer Life::with_text(const std::string& text) const {
  Answer answer;
  answer.content =
      nlohmann::json{{"text", text}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  answer.finish_reason = "stop";
  answer.created = std::chrono::system_clock::now();
  return render(answer, plan_.form);
}

std::string_view to_text(Life::State state) {
  constexpr std::array<std::string_view, 13> names{
      "planned",  "waiting",  "sharing",       "due",      "dialling", "prefilling", "asking",
      "grafting", "stopping", "next upstream", "answered", "failed",   "gone"};
  return names.at(static_cast<std::size_t>(state));
}

std::string_view to_text(Life::Event event) {
  constexpr std::array<std::string_view, 8> names{"started", "shared",      "cancelled", "answered",
                                                  "given",   "client_left", "dialled",   "replied"};
  return names.at(static_cast<std::size_t>(event));
}

}  // namespace tasklane
