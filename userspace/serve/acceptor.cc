#include "userspace/serve/acceptor.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "userspace/steer/dialer.h"
#include "userspace/steer/steering.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

using asio::ip::tcp;
constexpr int backlog = 4096;
// Out of descriptors: the kernel keeps what we cannot take; ask again after a moment.
constexpr auto accept_pause = std::chrono::milliseconds(20);
// A listener that failed counts as armed again when nothing has gone wrong for so long.
constexpr Duration sound_again = std::chrono::seconds(1);

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
  spawn(context_.io, "an accept loop", accept_all(doors_.back()));
}

void Acceptor::add_steered(int listening_socket, std::uint64_t place) {
  TcpAcceptor acceptor(context_.io.get_executor());
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  ::getsockname(listening_socket, reinterpret_cast<sockaddr*>(&address), &length);
  acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listening_socket);
  Target origin;
  origin.steered = true;
  origin.stead.place = place;
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

void Acceptor::close(Door& door) {
  error_code error;
  door.acceptor.non_blocking(true, error);
  while (!error) {
    TcpSocket socket(context_.io.get_executor());
    door.acceptor.accept(socket, error);
    if (!error) admit(std::move(socket), door.origin);
  }
  door.acceptor.close(error);
}

void Acceptor::finish() {
  context_.ending = true;
  for (const auto& door : doors_) close(*door);
  doors_.clear();
  each_connection([](Connection& connection) { connection.finish(); });
}

void Acceptor::finish_steered() {
  for (const auto& door : doors_)
    if (door->origin.steered) close(*door);
  std::erase_if(doors_, [](const auto& door) { return door->origin.steered; });
  each_connection([](Connection& connection) {
    if (connection.steered()) connection.finish();
  });
}

void Acceptor::hang_up() {
  each_connection([](Connection& connection) { connection.hang_up(); });
}

void Acceptor::hang_up_tasks() {
  each_connection([](Connection& connection) {
    if (connection.runs_task()) connection.hang_up();
  });
}

Awaitable<void> Acceptor::accept_all(std::shared_ptr<Door> door) {
  while (door->acceptor.is_open()) {
    error_code error;
    door->waits = true;
    TcpSocket socket = co_await door->acceptor.async_accept(asio::redirect_error(use_await, error));
    if (error == asio::error::operation_aborted) co_return;
    if (!error) {
      admit(std::move(socket), door->origin);
      continue;
    }
    door->waits = false;
    door->failed = now();
    if (when_changed_) when_changed_();
    Timer pause(context_.io.get_executor(), accept_pause);
    co_await pause.async_wait(asio::redirect_error(use_await, error));
  }
}

bool Acceptor::armed() const {
  const Time at = now();
  return std::all_of(doors_.begin(), doors_.end(), [at](const auto& door) {
    return door->waits && (door->failed == Time{} || at - door->failed > sound_again);
  });
}

// Where the client wanted to go, and how its server shall see it come. False: it was reset while it waited.
bool Acceptor::tell_origin(TcpSocket& socket, Target& origin) const {
  error_code error;
  origin.destination = unmapped(socket.local_endpoint(error));
  if (error) return false;
  const TcpEndpoint peer = unmapped(socket.remote_endpoint(error));
  if (error) return false;
  origin.stead.own_address = !origin.destination.address().is_loopback() && !peer.address().is_loopback();
  if (context_.steering == nullptr) return true;
  const auto wanted = original_destination(socket.native_handle());
  if (!wanted) return true;
  context_.steering->give_to_model(socket.native_handle(), *wanted);
  if (origin.stead.own_address)
    origin.stead.device = context_.steering->device_of(socket.native_handle(), *wanted);
  return true;
}

void Acceptor::admit(TcpSocket socket, Target origin) {
  if (origin.steered && !tell_origin(socket, origin)) return;
  const bool pass_through = crowded();
  auto connection = std::make_shared<Connection>(context_, std::move(socket), std::move(origin));
  connections_.push_back(connection);
  spawn(context_.io, "a connection", [connection, pass_through]() { return connection->run(pass_through); });
  if (when_changed_) when_changed_();
}

std::uint64_t Acceptor::room() const {
  const std::uint64_t most = std::min(context_.config->limits.max_connections, ceiling_);
  return most - std::min<std::uint64_t>(most, context_.open_connections);
}

// tcp(7): of a listening socket these two tell its accept queue.
std::uint64_t Acceptor::room_to_steer() const {
  std::uint64_t waiting = 0;
  std::uint64_t places = std::numeric_limits<std::uint64_t>::max();
  for (const auto& door : doors_) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    if (::getsockopt(door->acceptor.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) continue;
    waiting += info.tcpi_unacked;
    if (door->origin.steered)
      places =
          std::min<std::uint64_t>(places, info.tcpi_sacked - std::min(info.tcpi_sacked, info.tcpi_unacked));
  }
  const std::uint64_t all = room();
  return std::min(places, all - std::min(all, waiting));
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
