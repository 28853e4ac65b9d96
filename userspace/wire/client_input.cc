#include "userspace/wire/client_input.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace tasklane {
namespace {

// One read takes at most this much: large enough for a body of 1 MiB in few calls, small enough to stay in
// the cache.
constexpr std::size_t receive_size = 64u << 10;
// Of a body that is expected, before everybody else has a turn.
constexpr std::size_t reads_in_a_row = 4;

}  // namespace

ClientInput::ClientInput(TcpSocket& socket, std::size_t read_ahead)
    : socket_(socket), read_ahead_(read_ahead) {}

void ClientInput::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
    if (buffer_.capacity() > 4 * read_ahead_) std::string().swap(buffer_);
  }
  if (!armed_ && !closed_ && buffer_.size() - begin_ < read_ahead_) arm();
}

std::string ClientInput::take(std::size_t count) {
  if (begin_ == 0 && count == buffer_.size()) {
    std::string all = std::move(buffer_);
    buffer_.clear();
    consume(0);
    return all;
  }
  std::string taken = buffer_.substr(begin_, count);
  consume(count);
  return taken;
}

Awaitable<bool> ClientInput::more_than(std::uint64_t seen) {
  if (received_ > seen) co_return !stopped_;
  if (closed_) co_return false;
  if (!armed_) arm();
  // Deferred, for it takes no frame of its own.
  co_await asio::async_initiate<const asio::deferred_t, void()>(
      [this]<class Handler>(Handler handler) {
        waiter_ = std::make_unique<WaiterOf<Handler>>(std::move(handler));
      },
      asio::deferred);
  co_return received_ > seen && !stopped_;
}

void ClientInput::arm() {
  if (armed_ || stopped_) return;
  armed_ = true;
  socket_.async_wait(TcpSocket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->armed_ = false;
    if (self->closed_) return;
    if (error)
      self->close(true);
    else
      self->readable();
  });
}

void ClientInput::readable() {
  if (!receive()) return;
  const bool wanted = waiter_ != nullptr;
  wake();
  if (!closed_ && !armed_ && (wanted || buffer_.size() - begin_ < read_ahead_)) arm();
}

bool ClientInput::receive() {
  // Read beside the buffer, so that a connection at rest holds no large block.
  std::array<char, receive_size> landing;  // NOLINT: filled by recv
  ssize_t count = 0;
  bool any = false;
  for (std::size_t reads = 0; reads < reads_in_a_row; ++reads) {
    count = ::recv(socket_.native_handle(), landing.data(), landing.size(), MSG_DONTWAIT);
    if (count <= 0) break;
    any = true;
    if (begin_ > 0 && begin_ >= buffer_.size() / 2) buffer_.erase(0, std::exchange(begin_, 0));
    buffer_.append(landing.data(), static_cast<std::size_t>(count));
    received_ += static_cast<std::uint64_t>(count);
    const bool filled = static_cast<std::size_t>(count) == landing.size();
    if (!filled || !waiter_ || buffer_.capacity() - buffer_.size() < landing.size()) break;
  }
  const bool later = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (any && (count >= 0 || later)) return true;  // an end is told again, a reset is not
  if (later) {
    arm();
    return false;
  }
  close(count < 0);
  return false;
}

void ClientInput::wake() {
  if (!waiter_) return;
  const std::unique_ptr<Waiter> waiter = std::move(waiter_);
  waiter->resume();
}

void ClientInput::close(bool by_reset) {
  closed_ = true;
  reset_ = by_reset;
  if (waiter_) return wake();
  if (when_closed_) std::exchange(when_closed_, nullptr)();
}

void ClientInput::stop() {
  stopped_ = true;
  when_closed_ = nullptr;
  closed_ = true;
  // Through the queue: stop() may be called from within the coroutine that would be resumed.
  if (waiter_) asio::post(socket_.get_executor(), [self = shared_from_this()] { self->wake(); });
}

void ClientInput::interrupt() {
  if (waiter_) asio::post(socket_.get_executor(), [self = shared_from_this()] { self->wake(); });
}

void ClientInput::hang_up() {
  if (reset_ || stopped_) return;
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_both, ignored);  // a write that waits ends too
  close(true);
}

}  // namespace tasklane
