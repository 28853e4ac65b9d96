#include "userspace/serve/task_run.h"

#include <boost/asio/redirect_error.hpp>
#include <utility>
#include <vector>

#include "shaper/http/head_rewrite.h"
#include "userspace/serve/residency_look.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/watch.h"
#include "userspace/wire/upload.h"

namespace tasklane {
namespace {

std::vector<Hop> hops_of(const Decision& decision, const Target& origin, const Config& config) {
  std::vector<Hop> hops;
  for (const Upstream* upstream : decision.route) {
    const bool beside = !upstream->original && !upstream->own_compute;
    hops.push_back({upstream, server_key(origin, *upstream),
                    beside ? server_key(origin, config.original()).name : std::string()});
  }
  return hops;
}

Life::Around around(RelayContext& context) {
  return {context.book,       context.lanes.admission(), context.answers, context.chats,
          context.statistics, context.canonical,         context.bypass};
}

Reply reply_of(const Collected& collected, bool stale) {
  return {collected.any_byte, collected.whole,        stale,
          collected.status,   collected.content_type, collected.error_body,
          collected.reason,   collected.fields,       collected.retry_after};
}

}  // namespace

TaskRun::TaskRun(RelayContext& context, std::shared_ptr<ClientInput> input, const Target& origin,
                 const Request& request, const TaskPlan& plan)
    : context_(context),
      input_(std::move(input)),
      origin_(origin),
      request_(request),
      id_(plan.ticket.id),
      life_(around(context), plan, hops_of(plan.decision, origin, *request.config)),
      signal_(context.io.get_executor()) {}

TaskRun::~TaskRun() {
  input_->when_closed(nullptr);
  context_.lanes.leave(id_);
  if (life_.in_lane()) context_.lanes.finished(id_, life_.given_up());  // an exception ended it
}

void TaskRun::on_start() {
  life_.started();
  told();
}

void TaskRun::on_share() {
  life_.shared();
  told();
}

void TaskRun::on_cancel() {
  life_.cancelled();
  told();
}

void TaskRun::on_answer(AnswerKind kind, const std::string& text) {
  life_.answered(kind, text);
  told();
}

void TaskRun::on_result(std::shared_ptr<const TaskResult> result) {
  life_.given(std::move(result), now());
  told();
}

void TaskRun::client_left() {
  life_.client_left(context_.lanes.client_gone(id_));
  told();
}

// While something is on its way, all that can be due is to stop it.
void TaskRun::told() {
  if (!on_its_way_) {
    signal_.cancel();
    return;
  }
  const Effect due = life_.next(now());
  if (!std::holds_alternative<effect::StopUpstream>(due)) return;
  if (dialling_) dialling_->give_up();
  if (upstream_) upstream_->abort();
}

Awaitable<void> TaskRun::event() {
  upstream_.reset();  // that was reached for nothing
  signal_.expires_at(Timer::time_point::max());
  error_code ignored;
  co_await signal_.async_wait(asio::redirect_error(use_await, ignored));
}

std::string TaskRun::wire(std::string_view body, Dialect dialect) const {
  if (life_.upstream().service || dialect != request_.endpoint.dialect)
    return request_.services->head(life_.upstream(), dialect, body.size()).append(body);
  HeadChanges changes;
  if (!life_.upstream().original) changes.host = life_.upstream().authority;
  changes.content_length = body.size();
  changes.other_body = true;
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  return rewrite_head(request_.raw_head(), changes).append(body);
}

Awaitable<void> TaskRun::dial(effect::Dial wish) {
  on_its_way_ = true;
  if (!asked_at_) asked_at_ = now();
  dialling_ = std::make_shared<Dialling>();
  const ReachWishes wishes{
      .allow_idle = wish.may_reuse, .others_behind = wish.others_behind, .dialling = dialling_};
  Target target = request_.services->target_of(origin_, *wish.hop->upstream);
  Result<void> opened;
  if (wish.may_reuse && target.tls) opened = co_await context_.ahead.join(target.tls);
  Result<UpstreamPtr> reached = UpstreamPtr();
  if (opened)
    reached = co_await reach(context_.upstreams, std::move(target), wishes);
  else
    reached = opened.error();
  dialling_.reset();
  on_its_way_ = false;
  if (!reached) co_return life_.dialled(reached.error().text(), now());
  upstream_ = std::move(*reached);
  life_.dialled({}, now());
}

// While it waits for its turn; of what is down nothing is opened, for a request alone may try it.
void TaskRun::open_ahead() {
  const Upstream& upstream = life_.upstream();
  if (life_.state() != Life::State::waiting || !upstream.service || !upstream.service->tls) return;
  if (context_.book.upstream({upstream.name}).health->state(now()) != Health::State::closed) return;
  context_.ahead.want(context_.upstreams, request_.services->target_of(origin_, upstream));
}

// A slice is asked on Tasklane's own account, and ends with what else is: then the whole is asked.
Awaitable<void> TaskRun::send(effect::Send wish) {
  const std::string bytes = wire(wish.body, wish.dialect);
  bytes_up_ += bytes.size();
  AnswerAssembler assembler(wish.dialect, wish.keep);
  std::optional<OwnRequests::One> slice;
  if (wish.keep == Keep::figures) {
    if (context_.own.paused()) co_return life_.replied({}, assembler, now());
    slice.emplace(context_.own, server_key(origin_, life_.upstream()));
    slice->reached(upstream_);
  }
  on_its_way_ = true;
  const auto upload = std::make_shared<Upload>(upstream_, bytes);
  upload->begin();
  const auto heard = std::make_shared<Heard>();
  std::optional<Watch> watch;
  if (!life_.upstream().original) {
    const auto left_alone = [this] { return life_.is_left_alone(now()); };
    watch.emplace(context_.io, upstream_, life_.patience(now()), heard, left_alone);
  }
  const Collected collected = co_await collect_answer(*upstream_, assembler, &context_.memory, heard);
  watch.reset();
  const bool unread = upload->cannot_have_been_read(collected.reset);
  co_await upload->finish(Duration::zero());
  on_its_way_ = false;
  const UpstreamPtr connection = std::exchange(upstream_, nullptr);
  const bool ended = slice && slice->ended();
  // llama-server says nothing of it and closes behind each streamed answer: what is sent to it in that moment
  // is reset. A task that it did read after all costs its time, and of a service money.
  const bool repeats = unread || !life_.upstream().service;
  const bool stale = !ended && !collected.any_byte && connection->reused() && repeats;
  if (life_.state() != Life::State::stopping) {
    if (stale || wish.keep == Keep::answer) note_slots(collected, stale);
    note_origin(collected);
    // Where its client's own head says that this is the last, the server heard it too (RFC 9112 section 9.6).
    const bool goes_on = life_.upstream().service || request_.scanner->keep_alive();
    if (goes_on && collected.spent && upload->sent())
      context_.upstreams.keep_idle(connection, *upload->sent(), *collected.spent, now());
  }
  life_.replied(reply_of(collected, stale), assembler, now());
}

void TaskRun::note_slots(const Collected& collected, bool lost) {
  if (context_.slot_probe == nullptr || life_.upstream().service) return;
  const ServerKey server = server_key(origin_, life_.upstream());
  if (lost || collected.status == 0)
    context_.slot_probe->lost(server);
  else
    context_.slot_probe->answered(server, origin_, life_.upstream(), collected.server);
}

void TaskRun::note_origin(const Collected& collected) {
  const std::string* const origin = request_.head().field("Origin");
  if (origin == nullptr || collected.status == 0 || !life_.upstream().original) return;
  context_.book.origins(server_key(origin_, life_.upstream())).answered(*origin, collected.fields);
}

Awaitable<TaskRun::Report> TaskRun::run() {
  if (input_->closed())
    life_.client_left(false);
  else
    input_->when_closed([this] { client_left(); });
  for (;;) {
    const std::vector<const Hop*> unknown = life_.to_be_looked_at(now());
    for (const Hop* hop : unknown)
      co_await look_at_residency(context_, origin_, *hop->upstream, *request_.services);
    Effect due = life_.next(now());
    if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
      context_.lanes.arrive(std::move(enter->ticket), *this);
      open_ahead();
    } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
      context_.lanes.finished(id_, leave->result);
    } else if (std::holds_alternative<effect::Rest>(due)) {
      context_.lanes.rest(id_);
    } else if (auto* wish = std::get_if<effect::Dial>(&due)) {
      co_await dial(*wish);
    } else if (auto* bytes = std::get_if<effect::Send>(&due)) {
      co_await send(std::move(*bytes));
    } else if (auto* done = std::get_if<effect::Done>(&due)) {
      co_return Report{std::move(done->answer), life_.upstream().name, life_.asked(), bytes_up_, asked_at_};
    } else {
      co_await event();
    }
  }
}

}  // namespace tasklane
