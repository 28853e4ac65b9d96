#include "userspace/control/control_server.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "userspace/steer/system_error.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

namespace http = boost::beast::http;
using Generic = asio::generic::stream_protocol;
using GenericSocket = asio::basic_stream_socket<Generic, Executor>;
using GenericAcceptor = asio::basic_socket_acceptor<Generic, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

namespace {

constexpr std::size_t longest_request = 64u << 10;
constexpr auto patience = std::chrono::seconds(10);

std::string error_body(const std::string& message) {
  return nlohmann::json{{"error", message}}.dump() + "\n";
}

ControlAnswer answer_to(const ControlServer::Routes& routes,
                        const http::request<http::string_body>& request) {
  const std::string target(request.target());
  const std::string path = target.substr(0, target.find('?'));
  const auto route = routes.find({std::string(request.method_string()), path});
  if (route != routes.end()) return route->second(request.body());
  for (const auto& [key, handler] : routes)
    if (key.second == path) return {405, "application/json", error_body("use " + key.first + " here")};
  return {404, "application/json", error_body("nothing at " + path)};
}

Awaitable<void> converse(std::shared_ptr<GenericSocket> socket,
                         std::shared_ptr<const ControlServer::Routes> routes) {
  boost::beast::flat_buffer buffer(longest_request);
  for (;;) {
    Timer timer(socket->get_executor(), patience);
    timer.async_wait([socket](const error_code& cancelled) {
      error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    error_code error;
    http::request_parser<http::string_body> parser;
    parser.body_limit(longest_request);
    co_await http::async_read(*socket, buffer, parser, asio::redirect_error(use_await, error));
    if (error) co_return;
    const http::request<http::string_body> request = parser.release();
    const ControlAnswer said = answer_to(*routes, request);
    http::response<http::string_body> response(static_cast<http::status>(said.status), request.version());
    response.set(http::field::content_type, said.content_type);
    response.body() = said.body;
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    co_await http::async_write(*socket, response, asio::redirect_error(use_await, error));
    if (error || !request.keep_alive()) co_return;
  }
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

bool somebody_answers(const std::string& path) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// The mode holds from the first moment on: nobody connects in between.
Result<UniqueFd> bind_unix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  const mode_t before = ::umask(0117);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::umask(before);
  if (bound == 0 && ::listen(fd.get(), 16) == 0) return fd;
  Error error = system_error("cannot open the control socket");
  error.where = path;
  error.hint = "give another path with --control";
  return error;
}

}  // namespace

struct ControlServer::Listening {
  GenericAcceptor acceptor;
  std::shared_ptr<const Routes> routes;

  static Awaitable<void> accept_all(std::shared_ptr<Listening> self) {
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
      asio::co_spawn(
          self->acceptor.get_executor(), [socket, routes = self->routes] { return converse(socket, routes); },
          asio::detached);
    }
  }
};

ControlServer::ControlServer(asio::io_context& io) : io_(io) {}
ControlServer::~ControlServer() { close(); }

void ControlServer::close() {
  error_code ignored;
  for (const auto& each : listening_) each->acceptor.close(ignored);
  listening_.clear();
  if (!path_.empty()) ::unlink(std::exchange(path_, {}).c_str());
}

Result<void> ControlServer::listen_unix(const std::string& path, Routes routes) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return Error{"the control socket's path is empty or longer than 107 characters", path,
                 "give another with --control"};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (std::filesystem::exists(path, ignored)) {
    if (somebody_answers(path))
      return Error{"another agent answers on this control socket", path,
                   "stop it, or give this one another with --control"};
    ::unlink(path.c_str());
  }
  Result<UniqueFd> fd = bind_unix(path);
  if (!fd) return fd.error();
  path_ = path;
  auto listening = std::make_shared<Listening>(
      Listening{GenericAcceptor(io_.get_executor(), Generic(AF_UNIX, 0), fd->release()),
                std::make_shared<const Routes>(std::move(routes))});
  listening_.push_back(listening);
  asio::co_spawn(io_, Listening::accept_all(listening), asio::detached);
  return {};
}

Result<void> ControlServer::listen_tcp(const std::string& address, Routes routes) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  error_code error;
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(host, error),
                                         static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1))));
  auto listening = std::make_shared<Listening>(
      Listening{GenericAcceptor(io_.get_executor()), std::make_shared<const Routes>(std::move(routes))});
  const Generic protocol(endpoint.protocol().family(), endpoint.protocol().protocol());
  if (!error) listening->acceptor.open(protocol, error);
  if (!error) listening->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) listening->acceptor.bind(Generic::endpoint(endpoint), error);
  if (!error) listening->acceptor.listen(16, error);
  if (error)
    return Error{"cannot listen for metrics: " + error.message(), address,
                 "choose another \"metrics\" address"};
  listening_.push_back(listening);
  asio::co_spawn(io_, Listening::accept_all(listening), asio::detached);
  return {};
}

}  // namespace tasklane
