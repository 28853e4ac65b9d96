#include "userspace/serve/task_run.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "shaper/admit/typing.h"
#include "shaper/dialect/contract.h"
#include "shaper/dialect/suggestion.h"
#include "shaper/http/head_rewrite.h"
#include "shaper/task/slices.h"
#include "shaper/task/task_body.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/target.h"
#include "userspace/wire/upload.h"

namespace tasklane {
namespace {

constexpr int ok = 200;
constexpr int bad_request = 400;
constexpr int over_rate = 429;
constexpr int bad_gateway = 502;
constexpr int not_now = 503;

}  // namespace

TaskRun::TaskRun(RelayContext& context, std::shared_ptr<ClientInput> input, const Target& origin,
                 const Request& request, TaskPlan plan)
    : context_(context),
      input_(std::move(input)),
      origin_(origin),
      request_(request),
      plan_(std::move(plan)),
      signal_(context.io.get_executor()),
      begun_(now()) {
  signal_.expires_at(Timer::time_point::max());
}

TaskRun::~TaskRun() {
  input_->when_closed(nullptr);
  context_.lanes.leave(plan_.ticket.id);
  if (in_lane_) context_.lanes.finished(plan_.ticket.id, outcome());  // an exception ended it
}

void TaskRun::wake() { signal_.cancel(); }

void TaskRun::stop_upstream() {
  if (upstream_) upstream_->abort();
}

void TaskRun::on_start() {
  started_ = true;
  wake();
}

void TaskRun::on_cancel() {
  started_ = false;
  cancelled_ = true;
  stop_upstream();
}

void TaskRun::on_answer(AnswerKind kind, const std::string& text) {
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
  if (client_left_) gone_ = true;  // nobody is left to be told
  stop_upstream();
  wake();
}

void TaskRun::on_result(std::shared_ptr<const TaskResult> result) {
  in_lane_ = false;
  result_ = std::move(result);
  if (result_->answer) remember_suggestion(*result_->answer);
  wake();
}

// The suggestion that goes on where the typist is, in the client's own form.
std::optional<LocalAnswer> TaskRun::with_text(const std::string& text) const {
  Answer answer;
  answer.content =
      nlohmann::json{{"text", text}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  answer.finish_reason = "stop";
  answer.created = std::chrono::system_clock::now();
  return render(answer, plan_.form);
}

Awaitable<bool> TaskRun::wait_for_turn() {
  while (!started_ && !local_ && !result_ && !gone_) {
    signal_.expires_at(Timer::time_point::max());
    error_code ignored;
    co_await signal_.async_wait(asio::redirect_error(use_await, ignored));
  }
  co_return started_ && !local_ && !result_ && !gone_;
}

Constrained TaskRun::body_for(const Upstream& upstream) const {
  const Then& then = plan_.decision.rule->then;
  const auto chat = context_.chat_options.find(key_of(upstream));
  const bool aligned = plan_.ticket.settings.align && chat != context_.chat_options.end();
  return task_body({.body = plan_.body,
                    .dialect = plan_.form.dialect,
                    .request_class = plan_.ticket.request_class,
                    .json_contract = plan_.json_contract,
                    .then = then,
                    .upstream = upstream,
                    .chat = aligned ? &chat->second : nullptr,
                    .wanted = wanted_,
                    .bounds = plan_.bounds});
}

std::string TaskRun::wire(const Upstream& upstream, std::string_view body) const {
  HeadChanges changes;
  if (!upstream.original) changes.host = upstream.authority;
  changes.content_length = body.size();
  changes.other_body = true;
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  return rewrite_head(request_.raw_head(), changes).append(body);
}

LocalAnswer TaskRun::own_error(int status, const std::string& message) const {
  return error_answer(plan_.form.dialect, path_of(request_.head().target), status, "tasklane: " + message);
}

void TaskRun::fail(LocalAnswer error) {
  auto result = std::make_shared<TaskResult>();
  result->error = std::move(error);
  result->dialect = plan_.form.dialect;
  last_error_ = std::move(result);
}

// None: unreachable, and the last error says so, or interrupted.
Awaitable<std::optional<Collected>> TaskRun::ask_once(const Upstream& upstream, const std::string& bytes,
                                                      AnswerAssembler& assembler) {
  for (bool allow_idle = true;; allow_idle = false) {
    Result<UpstreamPtr> reached =
        co_await reach(context_.upstreams, target_of(origin_, upstream), allow_idle);
    if (cancelled_) co_return std::nullopt;
    if (!reached) {
      fail(own_error(bad_gateway,
                     "upstream '" + upstream.name + "' cannot be reached: " + reached.error().text()));
      co_return std::nullopt;
    }
    upstream_ = std::move(*reached);
    report_.asked = true;
    report_.bytes_up += bytes.size();
    const auto upload = std::make_shared<Upload>(upstream_, bytes);
    upload->begin();
    const Collected collected = co_await collect_answer(*upstream_, assembler);
    const bool unread = upload->cannot_have_been_read(collected.reset);
    co_await upload->finish(Duration::zero());
    const UpstreamPtr connection = std::exchange(upstream_, nullptr);
    if (cancelled_ || local_) co_return std::nullopt;
    if (!collected.any_byte && connection->reused() && unread) {
      ++context_.statistics.relay().upstream_reconnects;
      if (context_.slot_probe != nullptr) context_.slot_probe->lost(server_key(origin_, upstream));
      continue;
    }
    if (collected.spent && upload->sent())
      context_.upstreams.keep_idle(connection, *upload->sent(), *collected.spent, now());
    co_return collected;
  }
}

std::string TaskRun::key_of(const Upstream& upstream) const {
  return model_key(server_key(origin_, upstream), upstream.model.value_or(plan_.model));
}

SliceWorth& TaskRun::slice_worth(const Upstream& upstream) {
  return context_.slice_worth_of(key_of(upstream), plan_.form.dialect);
}

// None: the prompt is asked whole.
std::optional<Slices> TaskRun::cut(const Upstream& upstream, const std::string& body,
                                   const SliceOptions& options) {
  const bool keystroke = plan_.ticket.lane == Lane::keystroke;
  const KnownPrefix known = keystroke ? slice_worth(upstream).suggestion() : KnownPrefix();
  Result<Slices> slices = Slices::cut(body, plan_.form.dialect, options, known);
  if (!slices) return std::nullopt;
  if (keystroke) beginning_ = slices->beginning();
  begins_known_ = slices->known_bytes() > 0;
  return std::move(*slices);
}

void TaskRun::judge_known(const Upstream& upstream, const UpstreamFigures& figures) {
  if (std::exchange(begins_known_, false)) slice_worth(upstream).suggestion_goes_on(figures);
}

// False: what is left is asked whole.
bool TaskRun::take_slice(const Upstream& upstream, const std::optional<Collected>& collected,
                         const UpstreamFigures& figures, std::size_t tokens, const SliceOptions& cut) {
  SliceWorth& worth = slice_worth(upstream);
  if (collected && collected->status == bad_request) worth.refused();
  if (!collected || collected->status != ok || !collected->whole) return false;
  judge_known(upstream, figures);
  prefilled_ = worth.slice(figures, tokens, prefilled_, cut);
  const std::optional<SliceOptions> anew = worth.options();
  if (anew && anew->first_tokens == cut.first_tokens) return true;
  prefilled_ = 0;  // what was prefilled is lost, or nothing is known of it
  return false;
}

// A long prompt in growing prefixes, so that a chat which comes meanwhile waits for one of them at most.
// False: interrupted.
Awaitable<bool> TaskRun::prefill(const Upstream& upstream, const std::string& body) {
  prefilled_ = 0;
  beginning_.reset();
  begins_known_ = false;
  // Where chats may never come, and each request may cost money, none is made to learn what slices are worth.
  const bool tried = !context_.bypass && (!upstream.own_compute || slice_worth(upstream).known());
  const std::optional<SliceOptions> options = slice_worth(upstream).options();
  if (!tried || !options) co_return true;
  const std::optional<Slices> slices = cut(upstream, body, *options);
  if (!slices) co_return true;
  Admission& admission = context_.lanes.admission();
  const auto step = [&] { return admission.chat_beside(plan_.ticket.id) ? 1 : options->parts; };
  std::size_t asked = 0;
  while (const std::optional<std::size_t> part = slices->next(asked, step())) {
    if (context_.bypass) break;
    AnswerAssembler assembler(plan_.form.dialect, Keep::figures);
    const std::string bytes = wire(upstream, slices->body(*part));
    admission.sliced(plan_.ticket.lane);
    const std::optional<Collected> collected = co_await ask_once(upstream, bytes, assembler);
    if (interrupted()) co_return false;
    if (!take_slice(upstream, collected, assembler.figures(), slices->tokens(*part), *options)) break;
    asked = *part + 1;
  }
  co_return true;
}

Awaitable<TaskRun::Attempt> TaskRun::talk(const Upstream& upstream, const Constrained& asked) {
  const std::string bytes = wire(upstream, asked.body);
  AnswerAssembler assembler(plan_.form.dialect);
  const std::optional<Collected> collected = co_await ask_once(upstream, bytes, assembler);
  if (cancelled_ || local_) co_return Attempt::cancelled;
  note_slots(upstream, collected);
  if (!collected) co_return Attempt::failed;
  if (collected->status == ok) {
    judge_known(upstream, assembler.figures());
    slice_worth(upstream).whole(assembler.figures(), prefilled_);
  }
  co_return conclude(upstream, assembler, *collected, asked);
}

void TaskRun::note_slots(const Upstream& upstream, const std::optional<Collected>& collected) {
  if (context_.slot_probe == nullptr) return;
  const std::string server = server_key(origin_, upstream);
  if (!collected || collected->status == 0)
    context_.slot_probe->lost(server);
  else
    context_.slot_probe->answered(server, origin_, upstream, collected->server);
}

TaskRun::Attempt TaskRun::conclude(const Upstream& upstream, const AnswerAssembler& assembler,
                                   const Collected& collected, const Constrained& asked) {
  const bool usable = assembler.state() == StreamState::complete || assembler.state() == StreamState::cut;
  const bool answered = collected.status == ok && usable;
  if (may_ask_with_fewer(answered ? &assembler.answer() : nullptr, collected.status, asked))
    return Attempt::again;
  if (answered) {
    take_answer(upstream, assembler, collected.first_byte);
    return Attempt::answered;
  }
  if (collected.status != ok && collected.whole)
    fail(
        {collected.status, collected.content_type, collected.error_body, collected.reason, collected.fields});
  else if (collected.status == ok && !assembler.problem().empty())
    fail(own_error(bad_gateway, "upstream '" + upstream.name + "' gave no answer: " + assembler.problem()));
  else
    fail(own_error(bad_gateway, "upstream '" + upstream.name + "' broke off"));
  return Attempt::failed;
}

// Where a field was refused, or the cap was spent on thinking alone.
bool TaskRun::may_ask_with_fewer(const Answer* answer, int status, const Constrained& asked) {
  if (answer != nullptr && asked.applied.cap && starved_by_cap(*answer)) {
    wanted_.cap = false;
  } else if (answer == nullptr && status == bad_request && asked.applied.any()) {
    ++context_.statistics.relay().constraint_refused;
    wanted_ = fewer(wanted_, asked.applied);
  } else {
    return false;
  }
  fewer_ = true;
  return true;
}

void TaskRun::take_answer(const Upstream& upstream, const AnswerAssembler& assembler, Time first_byte) {
  report_.first_byte = first_byte;
  // Only now is it known that it was the constraint, and no other fault of the request.
  if (std::exchange(fewer_, false)) context_.constraints.remember(key_of(upstream), wanted_, now());
  if (beginning_) slice_worth(upstream).suggested(std::move(*beginning_));
  count_if_json(assembler.answer());
  auto result = std::make_shared<TaskResult>();
  result->answer = assembler.answer();
  result->answer->created = std::chrono::system_clock::now();  // for clients of another dialect
  remember_suggestion(*result->answer);
  if (cache_key_ && assembler.state() == StreamState::complete)
    context_.answers.keep(*cache_key_, std::make_shared<const Answer>(*result->answer),
                          now() + *plan_.ticket.settings.cache);
  result_ = std::move(result);
}

void TaskRun::count_if_json(const Answer& answer) {
  if (!plan_.json_contract) return;
  RelayCounters& counters = context_.statistics.relay();
  ++counters.json_answers;
  if (!keeps_contract(plan_.ticket.request_class, answer.content)) ++counters.json_unreadable;
}

void TaskRun::remember_suggestion(const Answer& answer) {
  if (plan_.ticket.request_class != RequestClass::autocomplete) return;
  if (const std::optional<std::string> suggestion = suggestion_in(answer.content))
    context_.lanes.admission().suggested(plan_.ticket.editor, plan_.ticket.typed, *suggestion, now());
}

bool TaskRun::answered_from_cache(const Ticket& ticket) {
  cache_key_.reset();
  if (!ticket.settings.cache || !ticket.canonical) return false;
  cache_key_ = AnswerCache::Key{ticket.upstream, *ticket.canonical};
  const std::shared_ptr<const Answer> known = context_.answers.find(*cache_key_, now());
  if (known == nullptr) return false;
  auto result = std::make_shared<TaskResult>();
  result->answer = *known;
  remember_suggestion(*known);
  result_ = std::move(result);
  context_.lanes.admission().answered_from_cache(ticket);
  return true;
}

// The key is that of the body as this upstream gets it: what rules change differently is not shared.
Ticket TaskRun::ticket_for(const Upstream& upstream, Sharing sharing) const {
  Ticket ticket = plan_.ticket;
  ticket.upstream = server_key(origin_, upstream);
  if (!upstream.original && !upstream.own_compute)
    ticket.compute = server_key(origin_, request_.config->original());
  if (sharing == Sharing::allowed)
    if (const Result<CanonicalKey> key =
            context_.canonical.key_of(ticket.tenant, ticket.request_class, plan_.form.dialect,
                                      upstream.model.value_or(plan_.model), body_for(upstream).body))
      ticket.canonical = *key;
  if (in_first_lane_) return ticket;
  ticket.rate_paid = true;
  const Duration waited = now() - begun_;
  LaneSettings& settings = ticket.settings;
  settings.max_wait = std::max(Duration::zero(), settings.max_wait - waited);
  if (settings.deadline) settings.deadline = std::max(Duration::zero(), *settings.deadline - waited);
  return ticket;
}

// False: the answer was in the cache.
bool TaskRun::enter_lane(const Upstream& upstream, Sharing sharing) {
  Ticket ticket = ticket_for(upstream, sharing);
  if (answered_from_cache(ticket)) return false;
  in_first_lane_ = false;
  started_ = false;
  in_lane_ = true;
  context_.lanes.arrive(std::move(ticket), *this);
  return true;
}

// Waits for this upstream and asks it, or shares the answer of another who does.
Awaitable<TaskRun::Attempt> TaskRun::ask(const Upstream& upstream) {
  const bool constrain = plan_.ticket.settings.constrain;
  wanted_ =
      constrain ? context_.constraints.taken(key_of(upstream), now()) : Constraints{false, false, false};
  wanted_ = {wanted_.schema && plan_.allowed.schema, wanted_.cap && plan_.allowed.cap,
             wanted_.no_thinking && plan_.allowed.no_thinking};
  fewer_ = false;
  for (Sharing sharing = Sharing::allowed;; sharing = Sharing::no) {
    if (!enter_lane(upstream, sharing)) co_return Attempt::answered;
    const Attempt attempt = co_await ask_in_turn(upstream);
    if (attempt != Attempt::again || gone_) co_return attempt;
  }
}

// Asks when its turn has come, and waits again where a chat came in between. `again`: whom it followed
// failed, which says nothing of its own: it asks for itself.
Awaitable<TaskRun::Attempt> TaskRun::ask_in_turn(const Upstream& upstream) {
  for (;;) {
    if (!co_await wait_for_turn()) {
      if (!result_) co_return Attempt::cancelled;
      if (result_->answer) co_return Attempt::answered;
      result_.reset();
      co_return Attempt::again;
    }
    cancelled_ = false;
    const Constrained asked = body_for(upstream);
    if (plan_.ticket.settings.slices) {
      const bool go_on = co_await prefill(upstream, asked.body);
      if (!go_on) continue;  // where a chat came, once more later
    }
    const Attempt attempt = co_await talk(upstream, asked);
    const bool over = attempt == Attempt::answered || attempt == Attempt::failed;
    if (over || local_ || gone_) co_return attempt;
  }
}

std::optional<LocalAnswer> TaskRun::rendered(const TaskResult& result) const {
  if (result.answer) return render(*result.answer, plan_.form);
  return result.error;
}

// Whoever shares a failed request's answer is told the same.
std::shared_ptr<const TaskResult> TaskRun::outcome() {
  if (result_) return result_;
  if (!last_error_) fail(own_error(bad_gateway, "the request was given up"));
  return last_error_;
}

void TaskRun::client_left() {
  client_left_ = true;
  if (context_.lanes.client_gone(plan_.ticket.id)) return;  // others wait for the same answer
  gone_ = true;
  stop_upstream();
  wake();
}

Awaitable<TaskRun::Report> TaskRun::run() {
  const RequestId id = plan_.ticket.id;
  if (input_->closed())
    client_left_ = gone_ = true;
  else
    input_->when_closed([this] { client_left(); });
  for (const Upstream* upstream : plan_.decision.route) {
    if (gone_ || client_left_) break;
    report_.upstream = upstream->name;
    const Attempt attempt = co_await ask(*upstream);
    if (std::exchange(in_lane_, false)) context_.lanes.finished(id, outcome());
    if (attempt != Attempt::failed) break;
    if (upstream != plan_.decision.route.back())
      ++context_.statistics.row(plan_.ticket.request_class, upstream->name).failed_over;
  }
  report_.client_gone = client_left_;
  if (local_)
    report_.answer = local_;
  else if (result_)
    report_.answer = rendered(*result_);
  else if (last_error_)
    report_.answer = rendered(*last_error_);
  if (client_left_) report_.answer.reset();
  co_return std::move(report_);
}

}  // namespace tasklane
