// One thread beside the event loop, for work that would keep everybody else waiting: pure functions of values
// that nobody else touches meanwhile. It begins with the first work, and is joined when this goes.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "userspace/wire/io.h"

namespace tasklane {

// Used from the event loop's thread alone. It goes before the event loop, and before what its work reads.
class SideThread {
 public:
  // So many bytes may be in its hands at once, or one alone that is larger. A third of a second, about.
  static constexpr std::uint64_t most_at_once = 64U << 20;

  explicit SideThread(asio::io_context& io) : io_(io) {}
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  // Whether it takes work on so many bytes now. What finds no room does without: nobody waits behind a crowd.
  [[nodiscard]] bool has_room(std::uint64_t bytes) {
    return (bytes_ == 0 || bytes_ + bytes <= most_at_once) && start();
  }
  [[nodiscard]] bool busy() const { return bytes_ > 0; }

  // Runs `work` there, and goes on here when it is done; what it throws comes back. Only behind has_room().
  template <class Work>
  Awaitable<void> run(std::uint64_t bytes, Work work) {
    const InHand in_hand(bytes_, bytes);
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(std::exception_ptr)>(
        [this, &work]<class Handler>(Handler handler) {
          asio::post(*thread_,
                     [&work, loop = asio::make_work_guard(io_), handler = std::move(handler)]() mutable {
                       std::exception_ptr thrown;
                       try {
                         work();
                       } catch (...) {
                         thrown = std::current_exception();
                       }
                       asio::post(loop.get_executor(), [handler = std::move(handler), thrown]() mutable {
                         std::move(handler)(std::move(thrown));
                       });
                     });
        },
        use_await);
  }

 private:
  struct InHand {
    InHand(std::uint64_t& all_bytes, std::uint64_t own) : all(all_bytes), bytes(own) { all += bytes; }
    ~InHand() { all -= bytes; }
    InHand(const InHand&) = delete;
    InHand& operator=(const InHand&) = delete;
    std::uint64_t& all;
    std::uint64_t bytes;
  };

  // False: the system gives no thread.
  bool start() {
    if (!thread_) try {
        thread_.emplace(1);
      } catch (const std::system_error&) {
        return false;
      }
    return true;
  }

  asio::io_context& io_;
  std::uint64_t bytes_ = 0;
  std::optional<asio::thread_pool> thread_;
};

}  // namespace tasklane
