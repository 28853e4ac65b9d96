#include "userspace/serve/exchange.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "shaper/http/head_rewrite.h"
#include "shaper/task/request_rewrite.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/target.h"

namespace tasklane {

Outgoing outgoing_bytes(const Request& request, const Decision& decision, const Upstream& upstream,
                        const BodyFacts* body) {
  Outgoing out;
  std::optional<std::string> changed;
  if (decision.rule != nullptr && body != nullptr && body->readable && request.whole) {
    Result<std::optional<std::string>> rewritten = rewrite_body(body->json, decision.rule->then, upstream);
    if (rewritten) changed = std::move(*rewritten);
    out.model_replaced = changed && upstream.model && *upstream.model != body->model;
  }
  if (!changed && upstream.original) {
    out.bytes = request.raw;
    return out;
  }
  HeadChanges changes;
  if (!upstream.original) changes.host = upstream.authority;
  if (changed) {
    changes.content_length = changed->size();
    changes.without = {"Content-Encoding", "Expect"};
  }
  if (out.model_replaced)
    changes.without.emplace_back("Accept-Encoding");  // the answer must be readable here
  out.bytes = rewrite_head(request.raw_head(), changes);
  out.bytes += changed ? std::string_view(*changed) : std::string_view(request.raw).substr(request.head_size);
  return out;
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

bool Exchange::give_way() {
  if (relay_ && relay_->sent_anything()) return false;
  gave_way_ = true;
  if (upstream_) upstream_->abort();
  return true;
}

// A client that goes away ends its request upstream at once. One that only half-closes a request which
// generates nothing still gets its answer, as from the model server itself: the half-close is passed on.
void Exchange::watch_client() {
  input_->when_closed([this] { client_closed(); });
  if (input_->closed()) client_closed();
}

void Exchange::client_closed() {
  if (!upstream_) return;
  if (request_.endpoint.kind == EndpointKind::generation || input_->reset()) return upstream_->abort();
  error_code ignored;
  upstream_->socket().shutdown(TcpSocket::shutdown_send, ignored);
  input_->when_closed([this] { client_closed(); });  // a reset may follow
}

// A request that changes something on the server must not run twice: it never risks a connection that may be
// stale.
bool Exchange::may_reuse() const {
  const std::string& method = request_.head().method;
  return request_.whole &&
         (method == "GET" || method == "HEAD" || request_.endpoint.kind == EndpointKind::generation ||
          request_.endpoint.kind == EndpointKind::embedding);
}

Awaitable<AnswerReport> Exchange::talk(const Outgoing& outgoing, bool last) {
  watch_client();
  // An error here may still be followed by an answer (413 before the whole body was taken): read on.
  co_await send_all(upstream_->socket(), outgoing.bytes);
  if (!request_.whole)
    asio::co_spawn(context_.io, upload_rest(input_, request_.scanner, upstream_), asio::detached);
  AnswerWishes wishes;
  wishes.pass_over_errors = !last;
  wishes.swallow_continue = request_.continue_sent;
  wishes.to_head_request = request_.head().method == "HEAD";
  wishes.client_is_http10 = request_.scanner->version() < 11;
  if (outgoing.model_replaced) wishes.client_model = client_model_;
  wishes.keep_copy = keep_copy_;
  relay_.emplace(client_, *upstream_, std::move(wishes));
  AnswerReport answer = co_await relay_->run();
  input_->when_closed(nullptr);
  if (input_->closed() && answer.end != AnswerEnd::complete) answer.end = AnswerEnd::client_gone;
  co_return answer;
}

Awaitable<bool> Exchange::attempt(std::size_t index, const Outgoing& outgoing) {
  const bool last = index + 1 == decision_.route.size();
  report_.upstream = decision_.route[index]->name;
  for (bool allow_idle = may_reuse();; allow_idle = false) {
    Result<UpstreamPtr> reached =
        co_await reach(context_.upstreams, target_of(origin_, *decision_.route[index]), allow_idle);
    report_.dialled = reached ? Result<void>() : Result<void>(reached.error());
    if (!reached) co_return false;
    upstream_ = std::move(*reached);
    if (!gave_way_) report_.answer = co_await talk(outgoing, last || !request_.whole);
    if (gave_way_ && !(relay_ && relay_->sent_anything())) {
      report_.gave_way = true;
      co_return true;
    }
    // A kept connection that the server had closed meanwhile: not the server's word on this request.
    if (report_.answer.end != AnswerEnd::no_answer || !upstream_->reused() || input_->closed()) break;
    ++context_.statistics.relay().upstream_reconnects;
    if (context_.slot_probe != nullptr)
      context_.slot_probe->lost(server_key(origin_, *decision_.route[index]));
  }
  const AnswerEnd end = report_.answer.end;
  if (end == AnswerEnd::complete && report_.answer.upstream_keep_alive && request_.whole)
    context_.upstreams.keep_idle(std::move(upstream_), now());
  if (end == AnswerEnd::upgraded) report_.connection = std::move(upstream_);
  upstream_.reset();
  co_return end != AnswerEnd::no_answer&& end != AnswerEnd::passed_over;
}

Awaitable<Exchange::Report> Exchange::run(std::vector<Outgoing> outgoing) {
  report_.gave_way = gave_way_;
  for (std::size_t index = 0; index < decision_.route.size() && !report_.gave_way; ++index) {
    Row& row = context_.statistics.row(class_, decision_.route[index]->name);
    if (!decision_.route[index]->original) ++row.redirected;
    row.bytes_up += outgoing[index].bytes.size();
    if (co_await attempt(index, outgoing[index])) break;
    if (input_->closed() && request_.endpoint.kind == EndpointKind::generation) {
      report_.answer.end = AnswerEnd::client_gone;
      break;
    }
    if (!request_.whole && !report_.dialled.has_error())
      break;  // its body has begun to flow: there is no second try
    if (index + 1 < decision_.route.size()) ++row.failed_over;
  }
  co_return std::move(report_);
}

Awaitable<void> upload_rest(std::shared_ptr<ClientInput> input, std::shared_ptr<RequestScanner> scanner,
                            UpstreamPtr upstream) {
  std::size_t sent = 0;  // of the input's bytes: passed on already, though the scanner waits for more of it
  while (!scanner->is_done()) {
    const ScanResult scan = scanner->feed(input->bytes());
    if (scan.state != ScanState::need_more && scan.state != ScanState::done) break;
    const std::size_t end = scan.state == ScanState::done ? scan.consumed : input->bytes().size();
    const std::string bytes(input->bytes().substr(sent, end - sent));
    if (!co_await send_all(upstream->socket(), bytes)) co_return;
    sent = end - scan.consumed;
    input->consume(scan.consumed);
    if (scan.state == ScanState::done) co_return;
    if (!co_await input->more()) break;
  }
  if (!scanner->is_done()) upstream->abort();
}

}  // namespace tasklane
