#include "userspace/serve/held_exchange.h"

#include <boost/asio/redirect_error.hpp>
#include <utility>

namespace tasklane {

HeldExchange::HeldExchange(Parts parts, Ticket ticket)
    : parts_(std::move(parts)), ticket_(std::move(ticket)), signal_(parts_.context.io.get_executor()) {
  signal_.expires_at(Timer::time_point::max());
  place();
}

HeldExchange::~HeldExchange() {
  parts_.input->when_closed(nullptr);
  parts_.context.lanes.leave(ticket_.id);
  parts_.context.lanes.finished(ticket_.id, nullptr);  // where an exception ended it: else it has left
}

void HeldExchange::place() {
  const Upstream& first = *parts_.decision.route.front();
  ticket_.upstream = server_key(parts_.origin, first).name;
  if (!first.original && !first.own_compute)
    ticket_.compute = server_key(parts_.origin, parts_.request.config->original()).name;
}

void HeldExchange::on_start() {
  started_ = true;
  signal_.cancel();
}

// Past the first byte it runs to its end beside the chat: a client cannot be sent another answer.
void HeldExchange::on_cancel() {
  started_ = false;
  if (exchange_) exchange_->give_way();
}

void HeldExchange::on_answer(AnswerKind, const std::string&) {
  refused_ = true;
  if (exchange_) exchange_->give_way();
  signal_.cancel();
}

void HeldExchange::client_left() {
  gone_ = true;
  parts_.context.lanes.client_gone(ticket_.id);
  signal_.cancel();
}

void HeldExchange::watch_client() {
  parts_.input->when_closed([this] { client_left(); });
  if (parts_.input->closed() && !gone_) client_left();
}

Awaitable<bool> HeldExchange::wait_for_turn() {
  while (!started_ && !gone_ && !refused_) {
    signal_.expires_at(Timer::time_point::max());
    error_code ignored;
    co_await signal_.async_wait(asio::redirect_error(use_await, ignored));
  }
  co_return started_ && !gone_ && !refused_;
}

Awaitable<HeldExchange::Report> HeldExchange::run(std::vector<Outgoing> outgoing) {
  Report report;
  report.exchange.upstream = parts_.decision.route.front()->name;
  report.exchange.answer.end = AnswerEnd::client_gone;
  parts_.context.lanes.arrive(ticket_, *this);
  for (;;) {
    watch_client();
    const bool its_turn = co_await wait_for_turn();
    if (!its_turn) break;
    started_ = false;
    const bool untouched = bypassed();
    std::vector<Outgoing> bytes = outgoing;
    if (untouched) bytes.assign(1, Outgoing{});
    exchange_.emplace(parts_.context, parts_.client, parts_.input, parts_.origin, parts_.request,
                      untouched ? parts_.as_it_came : parts_.decision, ticket_.request_class,
                      parts_.client_model);
    report.exchange = co_await exchange_->run(std::move(bytes));
    exchange_.reset();
    if (report.exchange.gave_way && !refused_) continue;
    if (report.exchange.answer.end == AnswerEnd::client_gone)
      parts_.context.lanes.client_gone(ticket_.id);
    else
      parts_.context.lanes.finished(ticket_.id, nullptr);
    break;
  }
  report.over_rate = refused_;
  co_return std::move(report);
}

}  // namespace tasklane
