#include "tools/demo/ask.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace tasklane::demo {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

http::request<http::string_body> request_of(std::uint16_t port, const std::string& body) {
  http::request<http::string_body> request(http::verb::post, "/api/chat", 11);
  request.set(http::field::host, "127.0.0.1:" + std::to_string(port));
  request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  return request;
}

// The words in an answer: one JSON object, or one a line where it was streamed.
std::string words_in(const std::string& lines) {
  std::string text;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json part = nlohmann::json::parse(line, nullptr, false);
    if (part.is_object()) text += part.value("/message/content"_json_pointer, "");
  }
  return text;
}

}  // namespace

Answer ask(std::uint16_t port, const std::string& body) {
  boost::system::error_code error;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  if (error) return {};
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  http::write(socket, request_of(port, body), error);
  const auto sent = Clock::now();
  std::optional<Clock::time_point> first;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  while (!error && !parser.is_done()) {
    http::read_some(socket, buffer, parser, error);
    if (!first && parser.is_header_done() && !parser.get().body().empty()) first = Clock::now();
  }
  Answer answer;
  answer.whole = !error && parser.get().result() == http::status::ok;
  answer.first_token = first.value_or(Clock::now()) - sent;
  answer.total = Clock::now() - sent;
  answer.text = words_in(parser.get().body());
  return answer;
}

}  // namespace tasklane::demo
