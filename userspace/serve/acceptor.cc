#include "userspace/serve/acceptor.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "userspace/steer/steering.h"

namespace tasklane {
namespace {

using asio::ip::tcp;
constexpr int backlog = 4096;
// Out of descriptors: the kernel keeps what we cannot take; ask again after a moment.
constexpr auto accept_pause = std::chrono::milliseconds(20);

Error listen_error(const Listen& listen, const std::string& why) {
  return Error{"cannot listen: " + why, listen.host + ":" + std::to_string(listen.port),
               "choose another address in \"listen\", or stop what listens there"};
}

TcpEndpoint unmapped(const TcpEndpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return endpoint;
  return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

}  // namespace

// What is set on a listener holds for what it accepts (tcp(7)): two calls fewer for each connection.
void Acceptor::open(TcpAcceptor acceptor, Target origin) {
  error_code ignored;
  acceptor.set_option(asio::ip::tcp::no_delay(true), ignored);
  acceptor.set_option(asio::socket_base::keep_alive(true), ignored);
  doors_.push_back(std::make_shared<Door>(Door{std::move(acceptor), std::move(origin)}));
  asio::co_spawn(context_.io, accept_all(doors_.back()), asio::detached);
}

void Acceptor::add_steered(int listening_socket) {
  TcpAcceptor acceptor(context_.io.get_executor());
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  ::getsockname(listening_socket, reinterpret_cast<sockaddr*>(&address), &length);
  acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listening_socket);
  Target origin;
  origin.steered = true;
  open(std::move(acceptor), std::move(origin));
}

Result<std::uint16_t> Acceptor::add_listener(const Listen& listen) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(listen.host, error);
  if (error) return listen_error(listen, error.message());
  const TcpEndpoint endpoint(address, listen.port);
  TcpAcceptor acceptor(context_.io.get_executor());
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(backlog, error);
  if (error) return listen_error(listen, error.message());
  Target origin;
  origin.host = listen.to_host;
  origin.port = listen.to_port;
  const std::uint16_t port = acceptor.local_endpoint(error).port();
  open(std::move(acceptor), std::move(origin));
  return port;
}

void Acceptor::finish() {
  for (const auto& door : doors_) {
    error_code error;
    door->acceptor.non_blocking(true, error);
    while (!error) {
      TcpSocket socket(context_.io.get_executor());
      door->acceptor.accept(socket, error);
      if (!error) admit(std::move(socket), door->origin);
    }
    door->acceptor.close(error);
  }
  doors_.clear();
  each_connection([](Connection& connection) { connection.finish(); });
}

void Acceptor::hang_up() {
  each_connection([](Connection& connection) { connection.hang_up(); });
}

Awaitable<void> Acceptor::accept_all(std::shared_ptr<Door> door) {
  while (door->acceptor.is_open()) {
    error_code error;
    TcpSocket socket = co_await door->acceptor.async_accept(asio::redirect_error(use_await, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      Timer pause(context_.io.get_executor(), accept_pause);
      co_await pause.async_wait(asio::redirect_error(use_await, error));
      continue;
    }
    admit(std::move(socket), door->origin);
  }
}

void Acceptor::admit(TcpSocket socket, Target origin) {
  error_code error;
  if (origin.steered) origin.destination = unmapped(socket.local_endpoint(error));
  if (error) return;  // reset while it waited
  if (origin.steered && context_.steering != nullptr)
    if (const auto wanted = original_destination(socket.native_handle()))
      context_.steering->give_to_model(socket.native_handle(), *wanted);
  const bool pass_through = crowded();
  auto connection = std::make_shared<Connection>(context_, std::move(socket), std::move(origin));
  connections_.push_back(connection);
  asio::co_spawn(
      context_.io, [connection, pass_through]() { return connection->run(pass_through); }, asio::detached);
}

bool Acceptor::crowded() const {
  return context_.open_connections >= context_.config->limits.max_connections;
}

template <class F>
void Acceptor::each_connection(const F& action) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (const auto connection = it->lock()) {
      action(*connection);
      ++it;
    } else {
      it = connections_.erase(it);
    }
  }
}

void Acceptor::sweep(Time at) {
  each_connection([at](Connection& connection) { connection.expire(at); });
}

}  // namespace tasklane
