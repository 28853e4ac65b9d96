#include "tools/support/control_client.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace tasklane {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Socket = asio::local::stream_protocol::socket;
using Request = http::request<http::string_body>;
using boost::system::error_code;

namespace {

constexpr std::size_t longest_answer = 64u << 20;

// How far a conversation got; the coroutine that fills it may be given up at any point.
struct ControlTalk {
  Request request;
  http::response_parser<http::string_body> parser;
  bool connected = false;
  std::optional<error_code> ended;
};

asio::awaitable<void> converse(Socket& socket, const std::string& path, ControlTalk& conversation) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  co_await socket.async_connect(path, token);
  conversation.connected = !error;
  if (!error) co_await http::async_write(socket, conversation.request, token);
  boost::beast::flat_buffer buffer;
  conversation.parser.body_limit(longest_answer);
  // A refusal may come before the whole request is written.
  if (conversation.connected) co_await http::async_read(socket, buffer, conversation.parser, token);
  conversation.ended = error;
}

Error failure_of(const ControlTalk& conversation, const std::string& path) {
  if (!conversation.ended)
    return {"the agent does not answer", path, "it may be stopped or overloaded: look at its log and state",
            ExitCode::found};
  if (conversation.connected)
    return {"the agent broke off: " + conversation.ended->message(), path, "look at its log",
            ExitCode::found};
  if (*conversation.ended == boost::system::errc::permission_denied)
    return {"this user may not talk to the agent", path,
            "run it as root or as a member of the socket's group", ExitCode::not_permitted};
  return {"no agent answers here: " + conversation.ended->message(), path,
          "start tasklaned, or name its socket with --control", ExitCode::found};
}

}  // namespace

bool are_figures(const nlohmann::json& stats) {
  return stats.is_object() && stats.contains("steering") && stats["steering"].is_object();
}

Error no_agent_answers(const std::string& socket_path) {
  return {"what answers here is no agent of this kind", socket_path,
          "is it tasklaned, and of this release? name its socket with --control", ExitCode::found};
}

Result<ControlReply> ask_agent(const std::string& socket_path, const std::string& method,
                               const std::string& path, const std::string& body,
                               std::chrono::milliseconds patience) {
  if (socket_path.empty() || socket_path.size() > 107)
    return Error{"a UNIX socket's path has 1 to 107 characters", socket_path, "give another with --control"};
  ControlTalk conversation;
  conversation.request = Request(http::string_to_verb(method), path, 11);
  conversation.request.set(http::field::host, "tasklane");
  conversation.request.body() = body;
  conversation.request.keep_alive(false);
  conversation.request.prepare_payload();
  asio::io_context io{1};
  Socket socket(io);
  asio::co_spawn(io, converse(socket, socket_path, conversation), asio::detached);
  io.run_for(patience);
  if (!conversation.ended || *conversation.ended) return failure_of(conversation, socket_path);
  const auto& answer = conversation.parser.get();
  return ControlReply{static_cast<int>(answer.result_int()), answer.body()};
}

}  // namespace tasklane
