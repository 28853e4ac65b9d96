// What a client sends, as it comes: one standing wait on the socket fills the buffer, also while an answer is
// on its way, so that a client that goes away is noticed at once. Bytes of a next, pipelined request wait
// here, bounded: past the bound the socket is not read further and the kernel's window pushes back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "userspace/wire/io.h"

namespace tasklane {

class ClientInput : public std::enable_shared_from_this<ClientInput> {
 public:
  explicit ClientInput(TcpSocket& socket, std::size_t read_ahead = 64u << 10);

  // Bytes received and not yet consumed.
  [[nodiscard]] std::string_view bytes() const { return std::string_view(buffer_).substr(begin_); }
  void consume(std::size_t count);
  // So many bytes are going to stand here: room for them is made once.
  void expect(std::size_t count) { buffer_.reserve(begin_ + count); }
  // Takes the first `count` bytes out.
  std::string take(std::size_t count);

  // Bytes received since the beginning: what a caller that looks at bytes() has seen.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  // Waits until more than `seen` bytes have been received; what came while the caller did something else is
  // not waited for. False: none have come, for the client has closed or reset, or stop() or interrupt() was
  // called.
  Awaitable<bool> more_than(std::uint64_t seen);
  // Ends the wait in more_than() that is going on, and nothing else.
  void interrupt();

  [[nodiscard]] bool closed() const { return closed_; }  // FIN, RST or stopped
  [[nodiscard]] bool reset() const { return reset_; }    // not by a FIN

  // Called once, from the event loop, when the client closes while nobody waits in more_than(); set anew
  // after a FIN, once more for a reset or hang_up(). Empty: nobody cares.
  void when_closed(std::function<void()> action) { when_closed_ = std::move(action); }
  void start() { arm(); }
  // Ends the wait; more_than() returns false. The owner calls it before the socket goes.
  void stop();
  // As if the client had reset the connection: whoever serves it ends.
  void hang_up();

 private:
  void arm();
  void readable();
  bool receive();
  void wake();
  void close(bool by_reset);

  TcpSocket& socket_;
  std::size_t read_ahead_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::uint64_t received_ = 0;  // bytes, since the beginning
  bool armed_ = false;
  bool closed_ = false;
  bool reset_ = false;
  bool stopped_ = false;
  // The coroutine that waits in more_than(): its completion handler, which can only be moved.
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void resume() = 0;
  };
  template <class Handler>
  struct WaiterOf : Waiter {
    explicit WaiterOf(Handler h) : handler(std::move(h)) {}
    void resume() override { std::move(handler)(); }
    Handler handler;
  };
  std::unique_ptr<Waiter> waiter_;
  std::function<void()> when_closed_;
};

}  // namespace tasklane
