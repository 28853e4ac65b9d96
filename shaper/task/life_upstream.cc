// Which upstream of its route a task asks, what is learnt of it, and what it is paid.
#include <utility>

#include "shaper/decide/spoken.h"
#include "shaper/dialect/translate.h"
#include "shaper/http/status.h"
#include "shaper/task/life.h"

namespace tasklane {
namespace {

using http_status::not_now;
using http_status::ok;

}  // namespace

UpstreamPage& Life::upstream_page() const { return around_.book.upstream({upstream().name}); }

std::vector<const Hop*> Life::to_be_looked_at(Time now) const {
  std::vector<const Hop*> hops;
  const bool chooses = state_ == State::planned || state_ == State::next_upstream;
  if (!chooses && state_ != State::due) return hops;
  const std::size_t end = chooses ? route_.size() : index_ + 1;
  for (std::size_t i = index_; i < end; ++i)
    if (route_[i].upstream->only_if_resident && around_.book.residency(route_[i].server).is_due(now))
      hops.push_back(&route_[i]);
  return hops;
}

// Why the upstream is not to be asked at this time.
std::optional<std::string> Life::unavailable(Time now) const {
  const std::string& model = upstream().model ? *upstream().model : plan_.form.model;
  if (upstream().only_if_resident &&
      !around_.book.residency(hop().server).takes(model, plan_.form.model, now))
    return "does not hold '" + model + "' in memory";
  if (upstream().original) return {};
  const UpstreamPage& page = upstream_page();
  const bool last = index_ + 1 == route_.size();
  // The last one is asked all the same: there is nobody else.
  if (!last && !page.health->may_try(now)) return "is down";
  const std::optional<Service>& service = upstream().service;
  if (service && service->per_day && paid_last_day(now) >= *service->per_day)
    return "has cost its budget of the day";
  return {};
}

// Several addresses of one upstream have one key and one budget, and stand in a route together.
Money Life::paid_last_day(Time now) const {
  Money paid;
  for (const Hop& each : route_)
    if (each.upstream->called() == upstream().called())
      paid += around_.book.upstream({each.upstream->name}).spending.last_day(now);
  return paid;
}

// The next upstream that may be asked. Where the last may not be, the task is answered empty, or told why.
Effect Life::pass_over(Time now) {
  for (;;) {
    want(now);
    MadeBody made;
    std::optional<std::string> problem = unavailable(now);
    if (!problem && dialect() == Dialect::none)
      problem = upstream().service && !spoken_by(upstream(), around_.book)
                    ? "has not yet shown which dialect it speaks"
                    : "cannot be asked what came in this dialect";
    if (!problem) made = body();
    if (made.unsaid) problem = "cannot be asked: " + *made.unsaid;
    if (!problem) return enter(made, now);
    if (index_ + 1 < route_.size()) {
      ++around_.statistics.row(plan_.ticket.request_class, upstream().name).failed_over;
      ++index_;
      may_share_ = true;
      continue;
    }
    local_ = plan_.empty ? plan_.empty : own_error(not_now, "upstream '" + upstream().name + "' " + *problem);
    state_ = State::answered;
    return end();
  }
}

// In which the upstream is asked; none: it cannot be. What is no service is asked in its clients' dialect,
// but where it was seen to know OpenAI's alone.
Dialect Life::asked_dialect() const {
  const Dialect client = plan_.form.dialect;
  const std::optional<DialectFamily> family = spoken_by(upstream(), around_.book);
  const bool translated = upstream().service || (family == DialectFamily::openai && is_ollama(client));
  if (!translated) return client;
  return family ? asked_in(client, *family).value_or(Dialect::none) : Dialect::none;
}

// What is to be changed of the body for this upstream, as far as is known now.
void Life::want(Time now) {
  dialect_ = asked_dialect();
  const bool constrains = plan_.ticket.settings.constrain;
  wanted_ = around_.book.model(model_key()).constraints.at(now);
  if (!constrains) wanted_.schema = wanted_.cap = wanted_.no_thinking = false;
  wanted_.schema = wanted_.schema && plan_.allowed.schema;
  wanted_.cap = wanted_.cap && plan_.allowed.cap;
  // The switches are local servers' own: what is hosted refuses some of them.
  const bool hosted = upstream().service && upstream().service->off_host;
  wanted_.no_thinking = wanted_.no_thinking && plan_.allowed.no_thinking && !hosted;
  once_more_.reset();
  priority_ = priority(now);
  never_graft_ = false;
  prepared_ = false;
}

// A person waits for what is in the lane `blocking` as for a chat: it goes with them.
std::optional<int> Life::priority(Time now) const {
  constexpr int of_keystrokes = 1;  // so far behind chats, which have 0
  constexpr int of_background = 2;
  const Order order = engine_row(upstream().engine).order;
  const bool known = order == Order::lower_first || (order != Order::none && upstream().priority_scheduling);
  if (!known || plan_.ticket.lane == Lane::blocking || around_.bypass) return {};
  if (!around_.book.priority(hop().server).worth_trying(now)) return {};
  const int behind = plan_.ticket.lane == Lane::keystroke ? of_keystrokes : of_background;
  return order == Order::lower_first ? behind : -behind;
}

// Its server lets chats go first, as whoever runs it says; but no other that computes on the same machine.
bool Life::goes_beside_chats(const MadeBody& made) const {
  const bool alone = hop().compute.empty() || hop().compute == hop().server.name;
  return made.has_priority && upstream().priority_scheduling && alone;
}

// Whether it is to be asked once more, without what may have been refused. Only where that is answered is it
// known that it was, and no other fault of the request; but until then nothing goes beside a chat there.
bool Life::learn_priority(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  using http_status::bad_request;
  constexpr int not_understood = 422;
  // Some say it within an answer of status 200.
  const bool within = reply.status == ok && !assembler.error_words().empty() && !assembler.any_text();
  // SGLang, started with --abort-on-priority-when-disabled.
  const bool unavailable = reply.status == not_now && reply.error_body.find("priority") != std::string::npos;
  const bool refused = within || unavailable || reply.status == bad_request || reply.status == not_understood;
  PrioritySeen& seen = around_.book.priority(hop().server);
  if (made_.has_priority && refused) {
    priority_.reset();
    priority_refused_ = true;
    prepared_ = false;
    if (std::exchange(beside_chats_, false)) hold_after_all(now);
    return true;
  }
  if (!std::exchange(priority_refused_, false)) return false;
  if (reply.status != ok || within) {
    seen.cleared();
  } else {
    seen.refused(now);
    ++around_.statistics.relay().priority_refused;
  }
  return false;
}

// Back into its lane, as a task of a server that has no priorities. Whoever shares its answer asks anew.
void Life::hold_after_all(Time now) {
  around_.book.priority(hop().server).doubted(now);
  if (client_left_) return;
  auto result = std::make_shared<TaskResult>();
  result->error = own_error(not_now, "upstream '" + upstream().name + "' refused a priority");
  last_error_ = std::move(result);
  state_ = State::next_upstream;
}

bool Life::another_is_left(Time now) const {
  for (std::size_t i = index_ + 1; i < route_.size(); ++i) {
    const Upstream& other = *route_[i].upstream;
    const UpstreamPage* const page = other.original ? nullptr : around_.book.known({other.name});
    if (page == nullptr || page->health->may_try(now)) return true;
  }
  return false;
}

// What hangs is told from what is slow by time alone where nothing else tells it: a small machine reads a
// long prompt for a minute, and what is no stream comes when all of it is written. Whoever waits for the task
// itself waits for less.
Patience Life::patience(Time now) const {
  constexpr Duration of_a_person = std::chrono::minutes(1);
  constexpr Duration of_nobody = std::chrono::minutes(2);
  constexpr Duration of_an_answer_in_one = std::chrono::minutes(5);
  constexpr Duration of_any_answer = std::chrono::minutes(10);
  if (upstream().timeout) return {{}, upstream().timeout};
  if (upstream().original || !another_is_left(now)) return {};
  if (!made_.made_stream && !plan_.form.stream) return {of_an_answer_in_one, of_any_answer};
  return {plan_.ticket.lane == Lane::blocking ? of_a_person : of_nobody, of_any_answer};
}

bool Life::is_left_alone(Time now) const {
  return attempt_ && attempt_->is_left_alone() && another_is_left(now);
}

// What the request itself is the cause of says nothing of the upstream; nor does a slice without an answer,
// which may never have been sent: the whole is asked next.
void Life::judge_upstream(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  if (!attempt_ || (state_ == State::prefilling && !reply.any_byte)) return;
  const bool answered = reply.status == ok && assembler.state() != StreamState::failed && reply.any_byte;
  if (answered)
    attempt_->worked();
  else if (speaks_against_upstream(reply.status, upstream().service.has_value()) || reply.status == ok ||
           reply.status == 0)
    attempt_->failed(now, reply.retry_after);
}

// However it ended: what was stopped, broke off or came too late was computed all the same.
void Life::settle(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  if (!bill_) return;
  const bool refused = reply.status != ok && reply.status != 0;
  if (refused || reply.stale)
    bill_->waive(now);
  else
    bill_->settle(assembler.answer(), now);
  bill_.reset();
}

}  // namespace tasklane
