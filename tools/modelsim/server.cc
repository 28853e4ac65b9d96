#include "tools/modelsim/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "tools/modelsim/state.h"

namespace tasklane::sim {

Time Server::State::sim_now() const {
  const Duration real = std::chrono::steady_clock::now() - began;
  return Time(from_seconds(seconds_of(real) * options.speed));
}

void Server::State::pump() {
  for (Event& event : engine.advance(sim_now())) {
    const auto session = sessions.find(event.id);
    if (session == sessions.end()) continue;
    session->second->events.push_back(std::move(event));
    session->second->wake.cancel();
  }
  alarm.cancel();
}

Awaitable<void> Server::State::drive() {
  for (;;) {
    const std::optional<Time> next = engine.next_event();
    if (!next)
      alarm.expires_at(Timer::time_point::max());
    else
      alarm.expires_at(
          began + from_seconds(seconds_of(std::max(next->time_since_epoch(), Duration{})) / options.speed));
    error_code error;
    co_await alarm.async_wait(asio::redirect_error(use_await, error));
    if (!error) pump();
  }
}

Awaitable<void> Server::State::accept_all(std::shared_ptr<TcpAcceptor> acceptor) {
  for (;;) {
    error_code error;
    TcpSocket socket = co_await acceptor->async_accept(asio::redirect_error(use_await, error));
    if (error) co_return;
    auto held = std::make_shared<TcpSocket>(std::move(socket));
    asio::co_spawn(
        io, [this, held] { return serve_connection(*this, std::move(*held)); }, asio::detached);
  }
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  auto state = std::make_unique<State>(options);
  for (const std::string& address : options.listen) {
    const auto colon = address.rfind(':');
    std::string host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    error_code error;
    const asio::ip::address ip = asio::ip::make_address(host, error);
    const int port = colon == std::string::npos ? -1 : std::atoi(address.c_str() + colon + 1);
    if (error || port < 0 || port > 65535)
      return Error{"'" + address + "' is no address and port", "--listen", "write it like 127.0.0.1:11434"};
    const TcpEndpoint endpoint(ip, static_cast<std::uint16_t>(port));
    auto acceptor = std::make_shared<TcpAcceptor>(state->io.get_executor());
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(4096, error);
    if (error) return Error{"cannot listen: " + error.message(), address, "choose another port"};
    state->acceptors.push_back(acceptor);
    asio::co_spawn(state->io, state->accept_all(acceptor), asio::detached);
  }
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> all;
  for (const auto& acceptor : state_->acceptors) {
    const TcpEndpoint endpoint = acceptor->local_endpoint();
    const std::string host = endpoint.address().to_string();
    all.push_back((endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
                  std::to_string(endpoint.port()));
  }
  return all;
}

void Server::run() {
  asio::signal_set signals(state_->io, SIGTERM, SIGINT);
  signals.async_wait([this](const error_code&, int) { state_->io.stop(); });
  asio::co_spawn(state_->io, state_->drive(), asio::detached);
  state_->io.run();
}

}  // namespace tasklane::sim
