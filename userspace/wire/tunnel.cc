#include "userspace/wire/tunnel.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// The way from the client, which goes on where the server has nothing more to say.
struct FromClient {
  explicit FromClient(const Executor& executor) : ended(executor, Timer::time_point::max()) {}
  Timer ended;  // cancelled when it has
  bool over = false;
};

Awaitable<void> client_to_upstream(std::shared_ptr<ClientInput> input, UpstreamPtr upstream,
                                   std::shared_ptr<FromClient> way) {
  for (;;) {
    const std::uint64_t seen = input->received();
    const std::string bytes = input->take(input->bytes().size());
    if (!co_await send_all(upstream->socket(), bytes)) break;
    if (!co_await input->more_than(seen)) break;
  }
  way->over = true;
  way->ended.cancel();
  if (input->reset()) co_return upstream->abort();
  error_code ignored;
  upstream->socket().shutdown(TcpSocket::shutdown_send, ignored);
  input->when_closed([upstream] { upstream->abort(); });  // a reset may follow
}

}  // namespace

Awaitable<void> tunnel(TcpSocket& client, std::shared_ptr<ClientInput> input, UpstreamPtr upstream,
                       std::string leftover) {
  const auto from_client = std::make_shared<FromClient>(client.get_executor());
  spawn(client.get_executor(), "a tunnel", client_to_upstream(input, upstream, from_client));
  std::string bytes = std::move(leftover);
  bool reset = false;
  for (;;) {
    if (!co_await send_all(client, bytes)) break;
    bytes.resize(64u << 10);
    error_code error;
    const std::size_t count = co_await upstream->socket().async_read_some(
        asio::buffer(bytes), asio::redirect_error(use_await, error));
    bytes.resize(count);
    if (error) {
      reset = error == asio::error::connection_reset;
      break;
    }
  }
  error_code ignored;
  // A reset is passed on as one: what a peer had not finished must not look finished.
  if (reset) client.set_option(asio::socket_base::linger(true, 0), ignored);
  if (reset)
    client.close(ignored);
  else
    client.shutdown(TcpSocket::shutdown_send, ignored);
  // What a server closes is its own way alone.
  if (!reset && !from_client->over)
    co_await from_client->ended.async_wait(asio::redirect_error(use_await, ignored));
  upstream->abort();
}

}  // namespace tasklane
