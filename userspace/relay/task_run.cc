#include "userspace/relay/task_run.h"

#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "shaper/admit/typing.h"
#include "shaper/answer/quoted.h"
#include "shaper/rewrite/as_stream.h"
#include "shaper/rewrite/constrain.h"
#include "shaper/rewrite/head_rewrite.h"
#include "shaper/rewrite/request_rewrite.h"
#include "shaper/rewrite/slices.h"
#include "userspace/relay/reach.h"
#include "userspace/relay/slot_probe.h"

namespace tasklane {
namespace {

constexpr int ok = 200;
constexpr int bad_request = 400;
constexpr int bad_gateway = 502;
constexpr std::size_t most_servers = 256;

}  // namespace

TaskRun::TaskRun(RelayContext& context, std::shared_ptr<ClientInput> input, const Origin& origin,
                 const Request& request, TaskPlan plan)
    : context_(context),
      input_(std::move(input)),
      origin_(origin),
      request_(request),
      plan_(std::move(plan)),
      signal_(context.io.get_executor()) {
  signal_.expires_at(Timer::time_point::max());
}

TaskRun::~TaskRun() {
  input_->when_closed(nullptr);
  context_.lanes.leave(plan_.ticket.id);
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
  if (kind == AnswerKind::reject)
    local_ = error_answer(plan_.form.dialect, path_of(request_.head().target), 429,
                          "tasklane: over the rate of rule '" + plan_.decision.rule->name + "'");
  else if (kind == AnswerKind::type_ahead)
    local_ = with_text(text);
  else
    local_ = plan_.empty;
  if (client_left_ || !local_) gone_ = true;  // nobody is left to be told
  stop_upstream();
  wake();
}

void TaskRun::on_result(std::shared_ptr<const TaskResult> result) {
  in_lane_ = false;
  result_ = std::move(result);
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

// The request as this upstream gets it: the rule's changes, the shape of the answer, and always as a stream.
std::string TaskRun::body_for(const Upstream& upstream, bool constrained) const {
  const Then& then = plan_.decision.rule->then;
  std::string body = plan_.body;
  if (Result<std::optional<std::string>> changed = rewrite_body(body, then, upstream); changed && *changed)
    body = std::move(**changed);
  if (then.settings.align) {
    const auto chat = context_.chat_options.find(model_key(upstream));
    if (chat != context_.chat_options.end())
      if (Result<std::optional<std::string>> changed = align(body, plan_.form.dialect, chat->second);
          changed && *changed)
        body = std::move(**changed);
  }
  if (constrained) {
    Result<std::optional<Constrained>> changed =
        constrain(body, plan_.form.dialect, plan_.ticket.request_class, plan_.json_contract);
    if (changed && *changed) body = std::move((*changed)->body);
  }
  if (Result<std::optional<std::string>> changed = as_stream(body, plan_.form.dialect); changed && *changed)
    body = std::move(**changed);
  return body;
}

std::string TaskRun::wire(const Upstream& upstream, std::string_view body) const {
  HeadChanges changes;
  if (!upstream.original) changes.host = upstream.authority;
  changes.content_length = body.size();
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  return rewrite_head(request_.raw_head(), changes).append(body);
}

// None: unreachable, and the report says so, or interrupted.
Awaitable<std::optional<Collected>> TaskRun::ask_once(const Upstream& upstream, const std::string& bytes,
                                                      AnswerAssembler& assembler) {
  for (bool allow_idle = true;; allow_idle = false) {
    Result<UpstreamPtr> reached = co_await reach(context_, origin_, upstream, allow_idle);
    if (cancelled_) co_return std::nullopt;
    if (!reached) {
      report_.answer = error_answer(
          plan_.form.dialect, path_of(request_.head().target), bad_gateway,
          "tasklane: upstream '" + upstream.name + "' cannot be reached: " + reached.error().text());
      co_return std::nullopt;
    }
    upstream_ = std::move(*reached);
    report_.asked = true;
    report_.bytes_up += bytes.size();
    co_await send_all(upstream_->socket(), bytes);
    const Collected collected = co_await collect_answer(*upstream_, assembler);
    const UpstreamPtr connection = std::exchange(upstream_, nullptr);
    if (cancelled_ || local_) co_return std::nullopt;
    if (!collected.any_byte && connection->reused()) {
      ++context_.statistics.relay().upstream_reconnects;
      if (context_.slot_probe != nullptr) context_.slot_probe->lost(server_key(origin_, upstream));
      continue;
    }
    if (collected.keep_alive) context_.upstreams.keep_idle(connection, now());
    co_return collected;
  }
}

std::string TaskRun::model_key(const Upstream& upstream) const {
  return server_key(origin_, upstream) + " " + upstream.model.value_or(plan_.model);
}

SliceWorth& TaskRun::slice_worth(const Upstream& upstream) {
  const std::string key = model_key(upstream);
  if (context_.slice_worth.size() >= most_servers && !context_.slice_worth.contains(key))
    context_.slice_worth.clear();
  return context_.slice_worth[key];
}

// A long prompt in growing prefixes, so that a chat which comes meanwhile waits for one of them at most.
// False: interrupted.
Awaitable<bool> TaskRun::prefill(const Upstream& upstream, const std::string& body) {
  const std::optional<SliceOptions> options = slice_worth(upstream).options();
  if (!options || plan_.ticket.lane != Lane::background) co_return true;
  const Result<Slices> slices = Slices::cut(body, plan_.form.dialect, *options);
  if (!slices) co_return true;
  std::size_t before = 0;
  const Admission& admission = context_.lanes.admission();
  std::optional<std::size_t> part;
  while ((part = slices->next(part ? *part + 1 : 0, admission.chat_beside(plan_.ticket.id)))) {
    AnswerAssembler assembler(plan_.form.dialect, Keep::figures);
    const std::string bytes = wire(upstream, slices->body(*part));
    context_.lanes.admission().sliced(plan_.ticket.lane);
    const std::optional<Collected> collected = co_await ask_once(upstream, bytes, assembler);
    if (interrupted()) co_return false;
    if (!collected) break;  // the whole one will tell
    SliceWorth& worth = slice_worth(upstream);
    if (collected->status == ok)
      before = worth.slice(assembler.figures(), slices->tokens(*part), before);
    else
      worth.refused();
    if (!worth.options()) break;
  }
  co_return true;
}

Awaitable<TaskRun::Attempt> TaskRun::talk(const Upstream& upstream, const std::string& bytes,
                                          bool constrained) {
  AnswerAssembler assembler(plan_.form.dialect);
  const std::optional<Collected> collected = co_await ask_once(upstream, bytes, assembler);
  if (cancelled_ || local_) co_return Attempt::cancelled;
  note_slots(upstream, collected);
  if (!collected) co_return Attempt::failed;
  if (collected->status == ok) slice_worth(upstream).whole(assembler.figures());
  co_return conclude(upstream, assembler, *collected, constrained);
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
                                   const Collected& collected, bool constrained) {
  const bool usable = assembler.state() == StreamState::complete || assembler.state() == StreamState::cut;
  auto result = std::make_shared<TaskResult>();
  if (collected.status == ok && usable) {
    report_.first_byte = collected.first_byte;
    result->answer = assembler.answer();
    remember_suggestion(*result->answer);
    if (cache_key_ && assembler.state() == StreamState::complete)
      context_.answers.keep(*cache_key_, std::make_shared<const Answer>(*result->answer),
                            now() + *plan_.ticket.settings.cache);
    result_ = result;
    return Attempt::answered;
  }
  if (constrained && collected.status == bad_request) return Attempt::refused_constraint;
  if (collected.status >= bad_request && collected.whole) {
    result->error_status = collected.status;
    result->error_type = collected.content_type;
    result->error_body = collected.error_body;
    last_error_ = result;
  } else {
    report_.answer = error_answer(plan_.form.dialect, path_of(request_.head().target), bad_gateway,
                                  "tasklane: upstream '" + upstream.name + "' broke off");
  }
  return Attempt::failed;
}

void TaskRun::remember_suggestion(const Answer& answer) {
  if (plan_.ticket.request_class != RequestClass::autocomplete) return;
  if (const std::optional<std::string> suggestion = suggestion_in(answer.content))
    context_.lanes.admission().suggested(editor_of(plan_.ticket), plan_.ticket.typed, *suggestion, now());
}

bool TaskRun::answered_from_cache(const Ticket& ticket) {
  cache_key_.reset();
  if (!ticket.settings.cache || !ticket.canonical) return false;
  cache_key_ = AnswerCache::Key{ticket.upstream, *ticket.canonical};
  const std::shared_ptr<const Answer> known = context_.answers.find(*cache_key_, now());
  if (known == nullptr) return false;
  auto result = std::make_shared<TaskResult>();
  result->answer = *known;
  result_ = std::move(result);
  context_.lanes.admission().answered_from_cache(ticket);
  return true;
}

// Waits, asks, and waits again where a chat came in between.
Awaitable<TaskRun::Attempt> TaskRun::ask(const Upstream& upstream) {
  bool constrained =
      plan_.decision.rule->then.settings.constrain && !context_.unconstrained.contains(upstream.name);
  Ticket ticket = plan_.ticket;
  ticket.upstream = server_key(origin_, upstream);
  if (!upstream.original && !upstream.own_compute)
    ticket.compute = server_key(origin_, request_.config->original());
  if (const Result<CanonicalKey> key = context_.canonical.key_of(
          ticket.request_class, plan_.form.dialect, upstream.model.value_or(plan_.model), plan_.body))
    ticket.canonical = *key;
  if (answered_from_cache(ticket)) co_return Attempt::answered;
  started_ = false;
  in_lane_ = true;
  context_.lanes.arrive(std::move(ticket), *this);
  for (;;) {
    if (!co_await wait_for_turn()) co_return result_ ? Attempt::answered : Attempt::cancelled;
    cancelled_ = false;
    const std::string body = body_for(upstream, constrained);
    if (plan_.decision.rule->then.settings.slices) {
      const bool go_on = co_await prefill(upstream, body);
      if (!go_on) continue;  // where a chat came, once more later
    }
    const std::string bytes = wire(upstream, body);
    const Attempt attempt = co_await talk(upstream, bytes, constrained);
    if (attempt == Attempt::refused_constraint) {
      context_.unconstrained.insert(upstream.name);
      constrained = false;
      continue;
    }
    if (attempt != Attempt::cancelled || local_ || gone_) co_return attempt;
  }
}

std::optional<LocalAnswer> TaskRun::rendered(const TaskResult& result) const {
  if (result.answer) return render(*result.answer, plan_.form);
  return LocalAnswer{result.error_status, result.error_type, result.error_body};
}

// Whoever shares a failed request's answer is told the same.
std::shared_ptr<const TaskResult> TaskRun::outcome() const {
  if (result_) return result_;
  if (last_error_) return last_error_;
  auto failed = std::make_shared<TaskResult>();
  failed->error_status = report_.answer ? report_.answer->status : bad_gateway;
  if (report_.answer) failed->error_type = report_.answer->content_type;
  if (report_.answer) failed->error_body = report_.answer->body;
  return failed;
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
    if (gone_) break;
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
