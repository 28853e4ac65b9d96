#include "tools/tasklane/control_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace tasklane {

namespace asio = boost::asio;
namespace http = boost::beast::http;

Result<ControlReply> ask_agent(const std::string& socket_path, const std::string& method,
                               const std::string& path, const std::string& body) {
  boost::system::error_code error;
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  if (socket_path.size() > 107)
    return Error{"the path is too long for a UNIX socket", socket_path, "give a shorter one with --control"};
  socket.connect(socket_path, error);
  if (error == boost::system::errc::permission_denied)
    return Error{"this user may not talk to the agent", socket_path,
                 "run it as root or as a member of the socket's group", ExitCode::not_permitted};
  if (error)
    return Error{"no agent answers here: " + error.message(), socket_path,
                 "start tasklaned, or name its socket with --control", ExitCode::found};
  http::request<http::string_body> request(http::string_to_verb(method), path, 11);
  request.set(http::field::host, "tasklane");
  request.body() = body;
  request.keep_alive(false);
  request.prepare_payload();
  http::write(socket, request, error);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64u << 20);
  if (!error) http::read(socket, buffer, parser, error);
  if (error)
    return Error{"the agent broke off: " + error.message(), socket_path, "look at its log", ExitCode::found};
  return ControlReply{static_cast<int>(parser.get().result_int()), parser.get().body()};
}

}  // namespace tasklane
