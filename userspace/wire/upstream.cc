#include "userspace/wire/upstream.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <utility>

#include "userspace/wire/tls_client.h"

namespace tasklane {
namespace {

using asio::ip::tcp;

// llama-server closes idle connections after 5 s, Ollama never; keeping them longer than the shorter gains
// nothing.
constexpr Duration idle_bound = std::chrono::seconds(4);
// A hosted service keeps them longer, and a handshake is dear.
constexpr Duration idle_bound_by_tls = std::chrono::seconds(50);
constexpr std::size_t idle_per_server = 64;
constexpr Duration resolved_for = std::chrono::seconds(30);
// Of a connection's first packets alone: the other side of the earth answers within a third of a second, and
// one that was lost is sent again after a whole one.
constexpr Duration little_patience = std::chrono::milliseconds(750);
// A host that has gone is found out by questions that its kernel would answer however busy its server is
// (tcp(7)): after 25 s. There is no TCP_USER_TIMEOUT, for that ends a connection also where a server that is
// there does not read on for so long.
constexpr int idle_seconds_before_questions = 10;
constexpr int seconds_between_questions = 5;
constexpr int questions_without_answer = 3;
// A port may still be waiting out its last connection; the next draw finds another.
constexpr int dial_attempts = 4;

SocketAddress socket_address(const TcpEndpoint& endpoint) {
  const asio::ip::address& address = endpoint.address();
  if (address.is_v4())
    return {ip_address_from(IpFamily::ipv4, address.to_v4().to_bytes().data()), endpoint.port()};
  return {ip_address_from(IpFamily::ipv6, address.to_v6().to_bytes().data()), endpoint.port()};
}

void ask_whether_its_host_is_there(TcpSocket& socket) {
  const auto set = [fd = socket.native_handle()](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds_before_questions);
  set(IPPROTO_TCP, TCP_KEEPINTVL, seconds_between_questions);
  set(IPPROTO_TCP, TCP_KEEPCNT, questions_without_answer);
}

Error dial_error(const TcpEndpoint& to, const error_code& error) {
  return Error{error.message(), to.address().to_string() + ":" + std::to_string(to.port()), "",
               ExitCode::found};
}

// connect(2) of a non-blocking socket: begins it, and called again tells what has come of it.
error_code connect_once(TcpSocket& socket, const TcpEndpoint& to) {
  if (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0) return {};
  return {errno, boost::system::system_category()};
}

bool is_under_way(const error_code& error) {
  return error.value() == EINPROGRESS || error.value() == EALREADY || error.value() == EINTR;
}

// Over loopback the second call finds it done, or refused: no round of the event loop is waited for.
error_code begin_to_connect(TcpSocket& socket, const TcpEndpoint& to) {
  const error_code begun = connect_once(socket, to);
  return is_under_way(begun) ? connect_once(socket, to) : begun;
}

}  // namespace

void UpstreamConnection::abort() {
  error_code ignored;
  socket_.close(ignored);
  if (const std::function<void()> end = std::exchange(end_, nullptr)) end();
}

void UpstreamConnection::half_close() {
  half_closed_ = true;
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

bool UpstreamConnection::still_idle() {
  char byte = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// An end in good order acknowledges what had come before it, so what is unacknowledged had not come; and
// whoever closes has read for the last time. A reset acknowledges nothing.
bool UpstreamConnection::closed_before_it_was_read() {
  char byte = 0;
  if (::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) return false;
  int unacknowledged = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0;
}

UpstreamPtr UpstreamConnections::take_idle(const Destination& to) {
  const auto found = idle_.find(to);
  if (found == idle_.end()) return nullptr;
  auto& kept = found->second;
  while (!kept.empty()) {
    UpstreamPtr connection = std::move(kept.back());
    kept.pop_back();
    --idle_count_;
    if (!connection->still_idle()) continue;
    connection->mark_reused();
    return connection;
  }
  return nullptr;
}

bool UpstreamConnections::has_idle(const std::shared_ptr<TlsClient>& tls) const {
  return std::any_of(idle_.begin(), idle_.end(),
                     [&](const auto& server) { return server.first.tls == tls && !server.second.empty(); });
}

void UpstreamConnections::keep_idle(UpstreamPtr connection, SentWhole, ReadWhole, Time at) {
  keep_unused(std::move(connection), at);
}

void UpstreamConnections::keep_unused(UpstreamPtr connection, Time at) {
  if (most_idle_ == 0 || connection->half_closed()) return;
  auto& kept = idle_[connection->destination()];
  if (kept.size() >= idle_per_server) {
    kept.pop_front();
    --idle_count_;
  } else if (idle_count_ >= most_idle_) {
    drop_oldest();
  }
  connection->idle_since = at;
  kept.push_back(std::move(connection));
  ++idle_count_;
}

void UpstreamConnections::drop_oldest() {
  std::deque<UpstreamPtr>* oldest = nullptr;
  for (auto& [server, kept] : idle_)
    if (!kept.empty() && (oldest == nullptr || kept.front()->idle_since < oldest->front()->idle_since))
      oldest = &kept;
  if (oldest == nullptr) return;
  oldest->pop_front();
  --idle_count_;
}

void UpstreamConnections::sweep(Time at) {
  for (auto server = idle_.begin(); server != idle_.end();) {
    auto& kept = server->second;
    const Duration bound = server->first.tls ? idle_bound_by_tls : idle_bound;
    while (!kept.empty() && (at - kept.front()->idle_since > bound || !kept.front()->still_idle())) {
      kept.pop_front();
      --idle_count_;
    }
    server = kept.empty() ? idle_.erase(server) : std::next(server);
  }
}

Result<OwnDial> UpstreamConnections::socket_for(const Destination& to, bool steered) const {
  const SocketAddress there = socket_address(to.endpoint);
  if (!steered) return dialer_.socket_for(there);
  if (to.stead.place != place_) return dial_error(to.endpoint, asio::error::network_down);
  if (to.stead.own_address) return dialer_.socket_from(there.address, to.stead.device);
  return dialer_.local_socket(there.address.family);
}

Awaitable<Result<PlainEnd>> UpstreamConnections::begin_tls(std::shared_ptr<TlsClient> tls, TcpSocket socket,
                                                           std::shared_ptr<Dialling> dialling) {
  std::function<void(std::function<void()>)> ends_it = [dialling](std::function<void()> ends) {
    dialling->ends_it_ = std::move(ends);
  };
  Result<PlainEnd> plain = co_await TlsClient::open(std::move(tls), std::move(socket), std::move(ends_it));
  co_return plain;
}

Awaitable<Result<UpstreamPtr>> UpstreamConnections::dial(Destination to, bool steered, DialPatience patience,
                                                         std::shared_ptr<Dialling> dialling) {
  error_code error;
  // Shared, for the timer's handler may already be queued when the connection is made.
  if (!dialling) dialling = std::make_shared<Dialling>();
  for (int attempt = 0; attempt < dial_attempts && !dialling->given_up(); ++attempt) {
    Result<OwnDial> own = socket_for(to, steered);
    if (!own) co_return own.error();
    TcpSocket socket(io_.get_executor());
    socket.assign(to.endpoint.protocol(), own->socket.get(), error);
    if (error) co_return dial_error(to.endpoint, error);
    [[maybe_unused]] const int adopted = own->socket.release();
    socket.set_option(tcp::no_delay(true), error);
    if (!steered && !to.endpoint.address().is_loopback()) ask_whether_its_host_is_there(socket);
    socket.non_blocking(true, error);

    error = begin_to_connect(socket, to.endpoint);
    dialling->expired_ = false;
    const Time begun = now();
    Timer timer(io_.get_executor());
    const auto expire_after = [&](Duration longest) {
      timer.expires_after(std::max(Duration::zero(), longest - (now() - begun)));
      timer.async_wait([dialling](const error_code& cancelled) {
        if (!cancelled) dialling->expire();
      });
    };
    if (is_under_way(error) || to.tls) {
      if (patience == DialPatience::usual) expire_after(connect_timeout_);
      if (patience == DialPatience::little) expire_after(std::min(little_patience, connect_timeout_));
    }
    dialling->ends_it_ = [&socket] {
      error_code ignored;
      socket.close(ignored);
    };
    while (is_under_way(error)) {
      co_await socket.async_wait(TcpSocket::wait_write, asio::redirect_error(use_await, error));
      if (!error) error = connect_once(socket, to.endpoint);
    }
    dialling->ends_it_ = nullptr;
    Result<void> secured;
    std::function<void()> end;
    if (!error && to.tls) {
      if (patience == DialPatience::little) expire_after(connect_timeout_);
      Result<PlainEnd> plain = co_await begin_tls(to.tls, std::move(socket), dialling);
      if (plain) {
        socket = std::move(plain->socket);
        socket.non_blocking(true, error);
        end = std::move(plain->end);
      } else {
        secured = plain.error();
      }
    }
    timer.cancel();
    if (dialling->expired_) error = asio::error::timed_out;
    if (dialling->given_up()) error = asio::error::operation_aborted;
    if (!error && secured.has_error()) co_return secured.error();
    if (!error) {  // so it has its socket, or TLS has given it another
      auto connection = std::make_shared<UpstreamConnection>(
          std::move(socket), to, std::move(end));  // NOLINT(bugprone-use-after-move)
      co_return Result<UpstreamPtr>(std::move(connection));
    }
    if (error != asio::error::address_in_use && error.value() != EADDRNOTAVAIL) break;
  }
  co_return dial_error(to.endpoint, error);
}

// A name that the system is asked for. It outlives who asks, for the system cannot be told to stop.
struct UpstreamConnections::Question {
  explicit Question(const Executor& executor) : resolver(executor), answered(executor) {
    answered.expires_at(Timer::time_point::max());
  }
  asio::ip::basic_resolver<tcp, Executor> resolver;
  Timer answered;  // cancelled when it is
  error_code error = asio::error::operation_aborted;
  std::vector<TcpEndpoint> endpoints;
};

void UpstreamConnections::ask(const std::shared_ptr<Question>& question, const std::string& host,
                              std::uint16_t port) {
  ++*resolving_;
  question->resolver.async_resolve(
      host, std::to_string(port),
      [question, resolving = resolving_](const error_code& error, const tcp::resolver::results_type& found) {
        --*resolving;
        question->error = error;
        for (const auto& each : found) question->endpoints.push_back(each.endpoint());
        question->answered.cancel();
      });
}

std::vector<TcpEndpoint> UpstreamConnections::known_addresses(const std::string& host,
                                                              std::uint16_t port) const {
  error_code error;
  const asio::ip::address literal = asio::ip::make_address(host, error);
  if (!error) return {TcpEndpoint(literal, port)};
  const auto found = resolved_.find(std::make_pair(host, port));
  if (found == resolved_.end() || found->second.until <= now()) return {};
  return found->second.endpoints;
}

Awaitable<Result<std::vector<TcpEndpoint>>> UpstreamConnections::resolve(std::string host, std::uint16_t port,
                                                                         std::shared_ptr<Dialling> dialling) {
  std::vector<TcpEndpoint> known = known_addresses(host, port);
  if (!known.empty()) co_return known;
  const auto key = std::make_pair(host, port);
  error_code error;

  if (!dialling) dialling = std::make_shared<Dialling>();
  const auto question = std::make_shared<Question>(io_.get_executor());
  ask(question, host, port);
  dialling->ends_it_ = [question] { question->answered.cancel(); };
  if (!dialling->given_up()) co_await question->answered.async_wait(asio::redirect_error(use_await, error));
  dialling->ends_it_ = nullptr;
  if (question->error)
    co_return Error{"cannot resolve the name: " + question->error.message(), host, "", ExitCode::found};
  resolved_[key] = {question->endpoints, now() + resolved_for};
  co_return question->endpoints;
}

void abort_after(Timer& timer, Duration timeout, UpstreamPtr connection, std::function<bool()> still) {
  timer.expires_after(timeout);
  timer.async_wait(
      [connection = std::move(connection), still = std::move(still)](const error_code& cancelled) {
        if (!cancelled && (!still || still())) connection->abort();
      });
}

Awaitable<bool> send_all(TcpSocket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) co_return false;
    error_code error;
    co_await socket.async_wait(TcpSocket::wait_write, asio::redirect_error(use_await, error));
    if (error) co_return false;
  }
  co_return true;
}

}  // namespace tasklane
