#include "tools/bench/lanes/client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "shaper/http/message_scanner.h"
#include "userspace/wire/upstream.h"

namespace tasklane::bench {
namespace {

constexpr std::uint32_t longest_head = 64u << 10;

}  // namespace

Awaitable<bool> Client::connect(std::uint16_t port) {
  error_code error;
  co_await socket_.async_connect({asio::ip::address_v4::loopback(), port},
                                 asio::redirect_error(use_await, error));
  if (error) co_return false;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  co_return !error;
}

Awaitable<Reply> Client::ask(std::string request, OnPiece on_piece) {
  Reply reply;
  const Time begin = now();
  const bool sent = co_await send_all(socket_, request);
  if (!sent) co_return reply;
  ResponseScanner scanner(longest_head);
  scanner.collect_into(&reply.body);
  std::string pending;
  while (!scanner.is_done()) {
    error_code error;
    const std::size_t count =
        co_await socket_.async_read_some(asio::buffer(landing_), asio::redirect_error(use_await, error));
    if (error) co_return reply;
    const std::size_t before = reply.body.size();
    pending.append(landing_.data(), count);
    ScanResult scan;
    do {
      scan = scanner.feed(pending);
      pending.erase(0, scan.consumed);
    } while (scan.state == ScanState::head_done);
    if (scan.state != ScanState::need_more && scan.state != ScanState::done) co_return reply;
    if (reply.body.size() == before) continue;
    if (before == 0) reply.first_byte = now() - begin;
    if (on_piece) on_piece(now());
  }
  reply.whole = pending.empty();
  reply.status = scanner.status();
  reply.total = now() - begin;
  co_return reply;
}

Awaitable<bool> Client::hears_more() {
  error_code error;
  const std::size_t count =
      co_await socket_.async_read_some(asio::buffer(landing_), asio::redirect_error(use_await, error));
  co_return !error && count > 0;
}

void Client::leave() {
  error_code ignored;
  socket_.close(ignored);
}

Awaitable<Reply> ask_once(asio::io_context& io, std::uint16_t port, std::string request,
                          std::optional<Duration> patience) {
  const auto client = std::make_shared<Client>(io);
  Timer timer(io.get_executor());
  if (patience) {
    timer.expires_after(*patience);
    timer.async_wait([client](const error_code& cancelled) {
      if (!cancelled) client->leave();
    });
  }
  const Time begin = now();
  const bool connected = co_await client->connect(port);
  if (!connected) co_return Reply{};
  const Duration connecting = now() - begin;
  Reply reply = co_await client->ask(std::move(request));
  reply.first_byte += connecting;
  reply.total += connecting;
  co_return reply;
}

}  // namespace tasklane::bench
