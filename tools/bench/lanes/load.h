// The clients' thread: what is measured runs there, undisturbed by who directs it and asks the agent how it
// stands.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
#include <utility>

#include "userspace/wire/io.h"

namespace tasklane::bench {

class Load {
 public:
  Load() : work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~Load() {
    io_.stop();
    thread_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  asio::io_context& io() { return io_; }
  // A future of what the coroutine gives.
  template <class T>
  auto start(Awaitable<T> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future);
  }
  template <class T>
  T run(Awaitable<T> work) {
    return start(std::move(work)).get();
  }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_;
  std::thread thread_;
};

}  // namespace tasklane::bench
