#include "userspace/control/control_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "userspace/control/unix_listener.h"
#include "userspace/wire/spawn.h"

namespace tasklane {

namespace http = boost::beast::http;
using Generic = asio::generic::stream_protocol;
using GenericSocket = asio::basic_stream_socket<Generic, Executor>;
using GenericAcceptor = asio::basic_socket_acceptor<Generic, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

namespace {

constexpr std::size_t longest_request = 64u << 10;
constexpr std::size_t most_conversations =
    64;  // so that whoever reads metrics cannot take the relay's descriptors

ControlAnswer refusal(int status, const std::string& message) {
  const nlohmann::json body{{"error", message}};
  // A path may be any bytes: what is no UTF-8 is replaced.
  return {status, "application/json",
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

// What the client did wrong, where it is there to hear of it.
std::optional<ControlAnswer> refusal_of(const error_code& error) {
  if (error == http::error::end_of_stream) return std::nullopt;
  if (error.category() != http::make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  if (error == http::error::body_limit)
    return refusal(413, "the body is longer than " + std::to_string(longest_request) + " bytes");
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return refusal(431, "the header is too long");
  return refusal(400, "this is not an HTTP/1.1 request: " + error.message());
}

std::string methods_of(const ControlServer::Routes& routes, const std::string& path) {
  std::string methods;
  for (const auto& [key, handler] : routes)
    if (key.second == path) methods += (methods.empty() ? "" : ", ") + key.first;
  return methods;
}

ControlAnswer ask(const ControlServer::Handler& handler, const std::string& body) {
  try {
    return handler(body);
  } catch (const std::exception& error) {
    return refusal(500, error.what());
  }
}

Response response_of(const ControlAnswer& said, unsigned version, bool keep_alive) {
  Response response(static_cast<http::status>(said.status), version);
  response.set(http::field::content_type, said.content_type);
  response.body() = said.body;
  response.keep_alive(keep_alive);
  response.prepare_payload();
  return response;
}

// SO_PEERCRED and SO_PEERGROUPS of unix(7) and socket(7), as they were when it connected.
std::optional<ControlServer::Peer> peer_of(int socket) {
  ucred who{};
  socklen_t length = sizeof(who);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) return std::nullopt;
  ControlServer::Peer peer{who.uid, {who.gid}};
  std::array<gid_t, 1024> more{};
  length = sizeof(more);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, more.data(), &length) == 0)
    peer.groups.insert(peer.groups.end(), more.begin(), more.begin() + length / sizeof(gid_t));
  return peer;
}

using MayAsk = std::function<bool(const std::string& method, const std::string& path)>;

Response answer_to(const ControlServer::Routes& routes, const MayAsk& may, const Request& request) {
  const std::string target(request.target());
  const std::string path = target.substr(0, target.find('?'));
  const auto respond = [&](const ControlAnswer& said) {
    return response_of(said, request.version(), request.keep_alive());
  };
  const auto route = routes.find({std::string(request.method_string()), path});
  if (route != routes.end() && !may(route->first.first, path))
    return respond(refusal(403, "this takes root, or the group tasklane-admin"));
  if (route != routes.end()) return respond(ask(route->second, request.body()));
  const std::string methods = methods_of(routes, path);
  if (methods.empty()) return respond(refusal(404, "nothing at " + path));
  Response response = respond(refusal(405, "use " + methods + " here"));
  response.set(http::field::allow, methods);
  return response;
}

// Closing with bytes unread would take the answer back from the client (RFC 9112 section 9.6).
Awaitable<void> hear_out(GenericSocket& socket) {
  error_code error;
  std::array<char, 4096> unread{};
  socket.shutdown(asio::socket_base::shutdown_send, error);
  while (!error)
    co_await socket.async_read_some(asio::buffer(unread), asio::redirect_error(use_await, error));
}

// One request and its answer; whether another may follow.
Awaitable<bool> exchange(GenericSocket& socket, boost::beast::flat_buffer& buffer,
                         const ControlServer::Routes& routes, const MayAsk& may) {
  error_code error;
  http::request_parser<http::string_body> parser;
  parser.body_limit(longest_request);
  co_await http::async_read(socket, buffer, parser, asio::redirect_error(use_await, error));
  const std::optional<ControlAnswer> refused = refusal_of(error);
  if (error && !refused) co_return false;
  const Response response = refused ? response_of(*refused, 11, false) : answer_to(routes, may, parser.get());
  co_await http::async_write(socket, response, asio::redirect_error(use_await, error));
  if (refused && !error) co_await hear_out(socket);
  co_return !error && response.keep_alive();
}

}  // namespace

struct ControlServer::Listening {
  GenericAcceptor acceptor;
  const Routes routes;
  const Permission permission;
  const Duration patience;
  std::size_t conversations = 0;

  static Awaitable<void> accept_all(std::shared_ptr<Listening> self);
  static Awaitable<void> converse(std::shared_ptr<Listening> self, std::shared_ptr<GenericSocket> socket);
};

Awaitable<void> ControlServer::Listening::accept_all(std::shared_ptr<Listening> self) {
  while (self->acceptor.is_open()) {
    error_code error;
    auto socket = std::make_shared<GenericSocket>(self->acceptor.get_executor());
    co_await self->acceptor.async_accept(*socket, asio::redirect_error(use_await, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      Timer pause(self->acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(use_await, error));
      continue;
    }
    if (self->conversations >= most_conversations) continue;
    spawn(self->acceptor.get_executor(), "a conversation", converse(self, std::move(socket)));
  }
}

Awaitable<void> ControlServer::Listening::converse(std::shared_ptr<Listening> self,
                                                   std::shared_ptr<GenericSocket> socket) {
  ++self->conversations;
  const std::shared_ptr<void> leave(nullptr, [self](void*) { --self->conversations; });
  boost::beast::flat_buffer buffer(longest_request);
  const std::optional<Peer> peer = peer_of(socket->native_handle());
  const MayAsk may = [&](const std::string& method, const std::string& path) {
    return !self->permission || (peer && self->permission(*peer, method, path));
  };
  for (bool more = true; more;) {
    Timer timer(socket->get_executor(), self->patience);
    timer.async_wait([socket](const error_code& cancelled) {
      error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    more = co_await exchange(*socket, buffer, self->routes, may);
  }
}

ControlServer::ControlServer(asio::io_context& io, Duration patience) : io_(io), patience_(patience) {}
ControlServer::~ControlServer() { close(); }

void ControlServer::close() {
  error_code ignored;
  for (const auto& each : listening_) each->acceptor.close(ignored);
  listening_.clear();
  if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

void ControlServer::serve(std::shared_ptr<Listening> listening) {
  listening_.push_back(listening);
  spawn(io_, "the control socket", Listening::accept_all(std::move(listening)));
}

Result<void> ControlServer::listen_unix(const std::string& path, Routes routes, Permission may) {
  Result<UniqueFd> fd = listen_on_path(path);
  if (!fd) return fd.error();
  path_ = path;
  serve(std::make_shared<Listening>(
      Listening{GenericAcceptor(io_.get_executor(), Generic(AF_UNIX, 0), fd->release()), std::move(routes),
                std::move(may), patience_}));
  return {};
}

Result<std::uint16_t> ControlServer::listen_tcp(const std::string& address, Routes routes) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port_text = colon == std::string::npos ? "" : address.substr(colon + 1);
  std::uint16_t port = 0;
  error_code error;
  const asio::ip::address ip = asio::ip::make_address(host, error);
  const char* end = port_text.data() + port_text.size();
  if (const auto [stop, bad] = std::from_chars(port_text.data(), end, port);
      bad != std::errc() || stop != end)
    error = asio::error::invalid_argument;
  TcpAcceptor acceptor(io_.get_executor());
  const TcpEndpoint endpoint(ip, port);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(16, error);
  if (!error) port = acceptor.local_endpoint(error).port();
  if (error)
    return Error{"cannot listen for metrics: " + error.message(), address,
                 "choose another \"metrics\" address"};
  const Generic protocol(endpoint.protocol().family(), endpoint.protocol().protocol());
  serve(std::make_shared<Listening>(
      Listening{GenericAcceptor(io_.get_executor(), protocol, acceptor.release(error)),
                std::move(routes),
                {},
                patience_}));
  return port;
}

}  // namespace tasklane
