#include "userspace/serve/connection.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "shaper/dialect/error_answer.h"
#include "userspace/serve/answer_note.h"
#include "userspace/wire/reach.h"
#include "userspace/wire/tunnel.h"

namespace tasklane {
namespace {

std::string address_text(const TcpEndpoint& peer) {
  const asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

// A connection that ends at once loses the request that its client is just sending; whoever asks often has
// asked again by then, and been told that it is the last.
constexpr Duration last_request_within = std::chrono::seconds(3);

ReadLimits read_limits(const Limits& limits, MemoryBudget& memory) {
  return {limits.max_body, limits.max_header, limits.idle_timeout, limits.header_timeout, &memory};
}

// What a request begins with.
struct InUse {
  std::shared_ptr<const Config> config;
  std::shared_ptr<const Services> services;
};

}  // namespace

Connection::Connection(RelayContext& context, TcpSocket socket, Target origin)
    : context_(context), socket_(std::move(socket)), origin_(std::move(origin)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  client_ = address_text(socket_.remote_endpoint(ignored));
  input_ = std::make_shared<ClientInput>(socket_);
  ++context_.open_connections;
  ++context_.statistics.relay().connections;
  context_.statistics.relay().open_connections = context_.open_connections;
}

Connection::~Connection() {
  input_->stop();
  --context_.open_connections;
  context_.statistics.relay().open_connections = context_.open_connections;
}

void Connection::expire(Time at) {
  if (at > deadline_ || waited_long_enough(at)) input_->stop();
}

void Connection::finish() {
  if (!finishing_) idle_since_ = now();
  finishing_ = true;
}

bool Connection::waited_long_enough(Time at) const {
  return finishing_ && !serving_ && input_->bytes().empty() && at - idle_since_ > last_request_within;
}

Awaitable<void> Connection::run(bool pass_through) {
  input_->start();
  if (pass_through) {
    serving_ = true;
    ++context_.statistics.relay().over_limit;
    co_await run_tunnel();
  }
  while (!pass_through) {
    InUse in_use{context_.config, context_.services};
    // It captures no more than a std::function holds without allocating.
    RequestReader reader(socket_, *input_, read_limits(in_use.config->limits, context_.memory),
                         [this, &in_use](const ReceivedRequest& head) {
                           // They may have been read again while the connection was idle.
                           in_use = {context_.config, context_.services};
                           return wants_body(head, *in_use.config);
                         });
    ReadOutcome outcome = co_await reader.read(deadline_);
    deadline_ = Time::max();
    serving_ = true;
    if (auto* received = std::get_if<ReceivedRequest>(&outcome)) {
      Request request{std::move(*received), ++context_.last_request_id, std::move(in_use.config),
                      std::move(in_use.services)};
      const bool keep = co_await forward(request);
      serving_ = false;
      idle_since_ = now();
      if (spdlog::should_log(spdlog::level::debug))
        spdlog::debug("request {}: {}; waited={:.3f}; took {:.3f} s", request.id, request.verdict,
                      waited_seconds(request), seconds_of(idle_since_ - request.arrived));
      if (keep) continue;
      if (context_.ending && !input_->closed()) co_await linger();
    } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
      RelayCounters& counters = context_.statistics.relay();
      ++(refused->status == 400 ? counters.refused_requests : counters.over_limit);
      LocalAnswer answer = error_answer(Dialect::none, "", refused->status, "tasklane: " + refused->message);
      co_await refuse(std::move(answer));
    } else if (std::holds_alternative<Opaque>(outcome)) {
      co_await run_tunnel();
    }
    break;
  }
  input_->stop();
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_both, ignored);
  socket_.close(ignored);
}

Awaitable<void> Connection::run_tunnel() {
  ++context_.statistics.relay().tunnels;
  const auto dialling = std::make_shared<Dialling>();
  // A FIN may only say that nothing more is asked.
  input_->when_closed([this, dialling] {
    if (input_->reset()) return dialling->give_up();
    input_->when_closed([dialling] { dialling->give_up(); });
  });
  // Named: gcc 12 destroys such a temporary of an awaited call twice.
  const ReachWishes wishes{.patient = true, .dialling = dialling};
  Result<UpstreamPtr> upstream = co_await reach(context_.upstreams, origin_, wishes);
  input_->when_closed(nullptr);
  if (!upstream) co_return reset_client();
  co_await tunnel(socket_, input_, *upstream);
}

bool Connection::wants_body(const ReceivedRequest& request, const Config& config) const {
  if (context_.bypass) return false;
  return has_prompt(request.endpoint) || needs_body(config, request.head(), request.endpoint, client_);
}

}  // namespace tasklane
