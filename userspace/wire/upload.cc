#include "userspace/wire/upload.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <string>
#include <utility>

#include "userspace/wire/spawn.h"

namespace tasklane {

Upload::Upload(UpstreamPtr upstream, std::string_view bytes, std::optional<Rest> rest)
    : upstream_(std::move(upstream)), left_(bytes), rest_(std::move(rest)) {}

void Upload::begin(std::function<void()> when_ended) {
  when_ended_ = std::move(when_ended);
  const bool open = send_at_once();
  if (open && (!left_.empty() || rest_))
    spawn(upstream_->socket().get_executor(), "an upload",
          [self = shared_from_this()]() -> Awaitable<void> { co_await self->run(); });
  else
    end();
}

// False: the server is gone. A large body goes in pieces: a server that reads as fast as it is sent to would
// keep everybody else waiting.
bool Upload::send_at_once() {
  constexpr std::size_t at_once = 1U << 20;
  for (std::size_t sent = 0; !left_.empty() && sent < at_once;) {
    const ssize_t count = ::send(upstream_->socket().native_handle(), left_.data(),
                                 std::min(left_.size(), at_once - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    left_.remove_prefix(static_cast<std::size_t>(count));
    sent += static_cast<std::size_t>(count);
    nothing_sent_ = false;
  }
  return true;
}

Awaitable<void> Upload::run() {
  bool open = true;
  while (open && !left_.empty()) {
    error_code error;
    co_await upstream_->socket().async_wait(TcpSocket::wait_write, asio::redirect_error(use_await, error));
    open = !error && !stopped_ && send_at_once();
    ++passed_;
  }
  if (open && rest_) co_await pass_rest();
  end();
}

// Bytes leave the input when the scanner has accepted them, not when they are sent: whoever looks at the
// input meanwhile never takes them for a next request.
Awaitable<void> Upload::pass_rest() {
  RequestScanner& scanner = *rest_->scanner;
  while (!scanner.is_done()) {
    const std::uint64_t seen = rest_->input->received();
    const ScanResult scan = scanner.feed(rest_->input->bytes());
    const std::string accepted = rest_->input->take(scan.consumed);
    if (scan.state != ScanState::need_more && scan.state != ScanState::done) {
      ambiguous_ = true;
      upstream_->abort();
      co_return;
    }
    left_ = accepted;
    const bool open = co_await send_all(upstream_->socket(), accepted);
    if (!open || stopped_) co_return;
    left_ = {};
    passed_ += accepted.size();
    if (scanner.is_done()) break;
    const bool more = co_await rest_->input->more_than(seen);
    if (!more || stopped_) co_return;
  }
  rest_.reset();
}

void Upload::end() {
  ended_ = true;
  const bool whole = left_.empty() && !rest_;
  if (whole) sent_ = SentWhole();
  if (signal_) signal_->cancel();
  if (when_ended_) std::exchange(when_ended_, nullptr)();
}

Awaitable<void> Upload::finish(Duration patience) {
  when_ended_ = nullptr;
  if (!ended_) signal_.emplace(upstream_->socket().get_executor());
  std::uint64_t seen = passed_;
  while (!ended_) {
    if (stopped_ || patience == Duration::zero()) {
      stopped_ = true;
      upstream_->abort();
      if (rest_) rest_->input->interrupt();
      signal_->expires_at(Timer::time_point::max());
    } else {
      signal_->expires_after(patience);
    }
    error_code error;
    co_await signal_->async_wait(asio::redirect_error(use_await, error));
    if (!error && passed_ == seen) stopped_ = true;
    seen = passed_;
  }
}

bool Upload::cannot_have_been_read(bool reset) {
  return !sent_ || (!reset && upstream_->closed_before_it_was_read());
}

}  // namespace tasklane
