#include "userspace/serve/exchange.h"

#include <algorithm>
#include <utility>

#include "shaper/base/ip_network.h"
#include "shaper/decide/balance.h"
#include "shaper/http/head_rewrite.h"
#include "shaper/task/request_rewrite.h"
#include "userspace/serve/answer_note.h"
#include "userspace/serve/residency_look.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/target.h"

namespace tasklane {
namespace {

// How long a body that nobody takes any more is waited for once its answer is there.
constexpr Duration patience_behind_answer = std::chrono::seconds(1);

// Nobody is paid for what is asked there.
bool is_near(const asio::ip::address& address) {
  const auto bytes =
      address.is_v6() ? address.to_v6() : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4());
  return is_private(bytes.to_bytes());
}

Outgoing outgoing_bytes(const Request& request, const Upstream& upstream,
                        const std::optional<std::string>& changed, bool model_replaced) {
  Outgoing out;
  out.model_replaced = model_replaced;
  if (!changed && upstream.original) return out;
  HeadChanges changes;
  if (!upstream.original) changes.host = upstream.authority;
  if (changed) {
    changes.content_length = changed->size();
    changes.other_body = true;
    changes.without = {"Content-Encoding", "Expect"};
  }
  if (out.model_replaced)
    changes.without.emplace_back("Accept-Encoding");  // the answer must be readable here
  out.changed = rewrite_head(request.raw_head(), changes);
  *out.changed +=
      changed ? std::string_view(*changed) : std::string_view(request.raw).substr(request.head_size);
  return out;
}

// A service gets the body alone.
Outgoing outgoing_to_service(const Request& request, const Upstream& upstream, std::string_view body,
                             bool model_replaced) {
  Outgoing out;
  out.model_replaced = model_replaced;
  out.changed = request.services->head(upstream, request.endpoint.dialect, body.size()).append(body);
  return out;
}

}  // namespace

std::vector<Outgoing> outgoing_for(const Request& request, const Decision& decision, const Reading& reading) {
  std::vector<Outgoing> all;
  all.reserve(decision.route.size());
  const BodyFacts* const body = reading.body();
  std::vector<std::optional<std::string>> changed(decision.route.size());
  if (decision.rule != nullptr && body != nullptr && body->readable && request.whole)
    changed = rewritten_bodies(body->json, decision.rule->then, decision.route);
  for (std::size_t i = 0; i < decision.route.size(); ++i) {
    const Upstream& upstream = *decision.route[i];
    const bool model_replaced = changed[i] && upstream.model && *upstream.model != body->model;
    if (upstream.service)
      all.push_back(
          outgoing_to_service(request, upstream, changed[i] ? *changed[i] : body->json, model_replaced));
    else
      all.push_back(outgoing_bytes(request, upstream, changed[i], model_replaced));
  }
  return all;
}

Awaitable<std::vector<Outgoing>> outgoing_beside(const Request& request, const Decision& decision,
                                                 Reading& reading) {
  std::vector<Outgoing> all;
  const auto write = [&] { all = outgoing_for(request, decision, reading); };
  co_await reading.work(write);
  co_return all;
}

Exchange::Exchange(RelayContext& context, TcpSocket& client, const std::shared_ptr<ClientInput>& input,
                   const Target& origin, Request& request, const Decision& decision,
                   RequestClass request_class, std::string client_model)
    : context_(context),
      client_(client),
      input_(input),
      origin_(origin),
      request_(request),
      decision_(decision),
      class_(request_class),
      client_model_(std::move(client_model)) {}

Exchange::~Exchange() { input_->when_closed(nullptr); }

bool Exchange::give_way() {
  if (relay_ && relay_->sent_anything()) return false;
  gave_way_ = true;
  if (dialling_) dialling_->give_up();
  if (upstream_) upstream_->abort();
  return true;
}

// A client that goes away ends its request upstream at once; but what it had sent is sent on first, for a FIN
// stands behind the bytes. One that only half-closes a request which generates nothing still gets its answer,
// as from the model server itself: the half-close is passed on.
void Exchange::client_closed() {
  if (dialling_) return leave_dial();
  if (!upstream_) return;
  if (input_->reset()) return upstream_->abort();
  if (!upload_->ended()) return input_->when_closed([this] { client_closed(); });  // it tells when it has
  if (client_has_left()) return upstream_->abort();
  if (input_->bytes().empty()) upstream_->half_close();  // else it stands behind a next request
  input_->when_closed([this] { client_closed(); });      // a reset may follow
}

// A FIN behind a next request's bytes is not this one's.
bool Exchange::client_has_left() const {
  const bool cancels = request_.endpoint.kind == EndpointKind::generation;
  return input_->reset() || (cancels && input_->closed() && input_->bytes().empty());
}

// Whoever is gone needs no server. A FIN says less than a reset: what was sent may still be meant to be read,
// but then the server has no more than the time of one that is not the last.
void Exchange::leave_dial() {
  if (input_->reset()) return dialling_->give_up();
  input_->when_closed([this] { client_closed(); });  // a reset may follow
  if (request_.endpoint.kind != EndpointKind::generation) return;
  const auto timer =
      std::make_shared<Timer>(context_.io.get_executor(), request_.config->limits.connect_timeout);
  timer->async_wait([timer, dialling = dialling_](const error_code&) { dialling->give_up(); });
}

// To ask twice is to ask once (RFC 9110 section 9.2.2).
bool Exchange::may_repeat() const {
  const std::string& method = request_.head().method;
  return request_.whole && (method == "GET" || method == "HEAD");
}

// A request that changes something on the server must not run twice: it never risks a connection that may be
// stale.
bool Exchange::may_reuse() const {
  return may_repeat() || (request_.whole && (request_.endpoint.kind == EndpointKind::generation ||
                                             request_.endpoint.kind == EndpointKind::embedding));
}

AnswerWishes Exchange::wishes_for(const Outgoing& outgoing, bool last) const {
  AnswerWishes wishes;
  wishes.pass_over_errors = !last;
  wishes.swallow_continue = request_.continue_sent;
  wishes.to_head_request = request_.head().method == "HEAD";
  wishes.to_connect_request = request_.head().method == "CONNECT";
  wishes.client_is_http10 = request_.scanner->version() < 11;
  wishes.may_upgrade = [this] { return upload_->sent().has_value(); };
  if (outgoing.model_replaced) wishes.client_model = client_model_;
  wishes.keep_copy = keep_copy_;
  wishes.is_last = [this] { return context_.ending; };
  if (request_.config->answer_header) wishes.note = [this] { return answer_note(request_); };
  wishes.memory = &context_.memory;
  return wishes;
}

// The answer is read while the request is still on its way, for a server may answer before it has read all
// (413).
void Exchange::begin_to_talk(const Outgoing& outgoing, bool last) {
  if (!request_.asked_at) request_.asked_at = now();
  std::optional<Upload::Rest> rest;
  if (!request_.whole) rest = Upload::Rest{input_, request_.scanner};
  upload_ = std::make_shared<Upload>(upstream_, outgoing.bytes(request_), std::move(rest));
  input_->when_closed([this] { client_closed(); });
  upload_->begin([this] {
    if (input_->closed()) client_closed();
  });
  const bool steered = origin_.steered && report_.upstream == request_.config->original().name;
  report_.near = steered || is_near(upstream_->peer().address());
  relay_.emplace(client_, *upstream_, wishes_for(outgoing, last));
}

// One that says nothing is not waited for longer than its configuration wants: while what is returned is
// true. Null: it says nothing of that.
std::shared_ptr<bool> Exchange::limit_silence(std::optional<Timer>& patience) {
  const auto asked = request_.config->upstreams.find(report_.upstream);
  if (asked == request_.config->upstreams.end() || !asked->second.timeout) return nullptr;
  auto silent = std::make_shared<bool>(true);
  patience.emplace(context_.io.get_executor());
  abort_after(*patience, *asked->second.timeout, upstream_,
              [this, silent] { return *silent && !relay_->sent_anything(); });
  return silent;
}

void Exchange::end_talk() {
  input_->when_closed(nullptr);
  report_.ambiguous = upload_->ambiguous();
  AnswerEnd& end = report_.answer.end;
  if (end != AnswerEnd::complete && client_has_left()) end = AnswerEnd::client_gone;
}

// Only behind a request that is known to have gone out whole, and its answer to be read whole; and where the
// client itself meant to go on, for the server heard that too.
void Exchange::keep_connection() {
  const std::optional<SentWhole> sent = upload_->sent();
  if (sent && report_.answer.spent && request_.scanner->keep_alive())
    context_.upstreams.keep_idle(upstream_, *sent, *report_.answer.spent, now());
}

// What the client ended, or is at fault for, says nothing of the upstream.
void Exchange::judge(Health::Attempt& attempt, const Upstream& upstream) const {
  constexpr int first_error = 400;
  const AnswerReport& answer = report_.answer;
  const bool whole = answer.end == AnswerEnd::complete;
  if (answer.end == AnswerEnd::client_gone || report_.ambiguous || (client_has_left() && !whole)) return;
  const bool broke = answer.end == AnswerEnd::no_answer || answer.end == AnswerEnd::unreadable ||
                     answer.end == AnswerEnd::broken;
  if (broke || speaks_against_upstream(answer.status, upstream.service.has_value()))
    attempt.failed(now(), answer.retry_after);
  else if (answer.status < first_error)
    attempt.worked();
}

// Where another upstream is left, one that is down is not asked.
bool Exchange::is_passed_over(std::size_t index) const {
  const Upstream& upstream = *decision_.route[index];
  if (index + 1 == decision_.route.size()) return false;
  if (upstream.only_if_resident) {
    const Residency& residency = context_.book.residency(server_key(origin_, upstream));
    if (!residency.takes(upstream.model.value_or(client_model_), client_model_, now())) return true;
  }
  return !upstream.original && !context_.book.upstream({upstream.name}).health->may_try(now());
}

void Exchange::begin_to_dial() {
  dialling_ = std::make_shared<Dialling>();
  input_->when_closed([this] { client_closed(); });
  if (input_->closed()) client_closed();
}

Awaitable<bool> Exchange::attempt(std::size_t index, const Outgoing& outgoing) {
  const bool last = index + 1 == decision_.route.size();
  const Upstream& upstream = *decision_.route[index];
  report_.upstream = upstream.name;
  std::optional<Health::Attempt> to_named;
  std::shared_ptr<const Present> present;
  if (!upstream.original) {
    const UpstreamPage& page = context_.book.upstream({upstream.name});
    to_named.emplace(page.health, now());
    present = page.present;
  }
  for (bool allow_idle = may_reuse();; allow_idle = false) {
    Target target = request_.services->target_of(origin_, upstream);
    report_.dialled = {};
    upstream_ = allow_idle ? idle_connection(context_.upstreams, target) : nullptr;
    bool given_up = false;
    if (!upstream_) {
      begin_to_dial();
      const ReachWishes wishes{.allow_idle = allow_idle,
                               .patient = last && !upstream.service,
                               .others_behind = !last && serves_as_well(context_.book, upstream,
                                                                        *decision_.route[index + 1], now()),
                               .dialling = dialling_};
      Result<UpstreamPtr> reached = co_await reach(context_.upstreams, std::move(target), wishes);
      given_up = dialling_->given_up();
      dialling_.reset();
      input_->when_closed(nullptr);
      if (reached)
        upstream_ = std::move(*reached);
      else
        report_.dialled = reached.error();
    }
    if (upstream_ && !gave_way_) {
      begin_to_talk(outgoing, last || !request_.whole);
      std::optional<Timer> patience;
      const std::shared_ptr<bool> silent = limit_silence(patience);
      report_.answer = AnswerReport();
      if (!upload_->nothing_sent()) report_.answer = co_await relay_->run();
      if (silent) *silent = false;
      const AnswerReport& answer = report_.answer;
      may_ask_again_ = answer.end == AnswerEnd::no_answer &&
                       (may_repeat() || upload_->cannot_have_been_read(answer.reset));
      const bool goes_on = answer.end == AnswerEnd::complete && answer.spent;
      if (!upload_->ended()) co_await upload_->finish(goes_on ? patience_behind_answer : Duration::zero());
      end_talk();
    }
    if (gave_way_ && !(relay_ && relay_->sent_anything())) {
      report_.gave_way = true;
      co_return true;
    }
    if (!upstream_ && to_named && !given_up) to_named->unreached(now());
    if (!upstream_) co_return false;
    // A kept connection that the server had closed meanwhile: not the server's word on this request.
    const bool stale = report_.answer.end == AnswerEnd::no_answer && upstream_->reused();
    if (!stale || !may_ask_again_ || client_has_left()) break;
    ++context_.statistics.relay().upstream_reconnects;
    if (context_.slot_probe != nullptr) context_.slot_probe->lost(server_key(origin_, upstream));
  }
  if (to_named) judge(*to_named, upstream);
  const AnswerEnd end = report_.answer.end;
  if (end == AnswerEnd::complete) keep_connection();
  if (end == AnswerEnd::upgraded) report_.connection = std::move(upstream_);
  upload_.reset();  // it holds the connection too
  upstream_.reset();
  co_return end != AnswerEnd::no_answer&& end != AnswerEnd::passed_over;
}

Awaitable<Exchange::Report> Exchange::run(std::vector<Outgoing> outgoing) {
  report_.gave_way = gave_way_;
  for (std::size_t index = 0; index < decision_.route.size() && !report_.gave_way; ++index) {
    const Upstream& upstream = *decision_.route[index];
    // No chat waits for it.
    if (upstream.only_if_resident && is_task(class_))
      co_await look_at_residency(context_, origin_, upstream, *request_.services);
    Row& row = context_.statistics.row(class_, decision_.route[index]->name);
    if (is_passed_over(index)) {
      ++row.failed_over;
      continue;
    }
    if (!decision_.route[index]->original) ++row.redirected;
    row.bytes_up += outgoing[index].bytes(request_).size();
    if (co_await attempt(index, outgoing[index])) break;
    if (client_has_left()) {
      report_.answer.end = AnswerEnd::client_gone;
      break;
    }
    if (!request_.whole && !report_.dialled.has_error())
      break;  // its body has begun to flow: there is no second try
    if (index + 1 < decision_.route.size()) ++row.failed_over;
  }
  co_return std::move(report_);
}

}  // namespace tasklane
