// The front end over real sockets and in real time: a connection for each request, as Open WebUI has it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/bench/chat/front.h"
#include "userspace/wire/io.h"

namespace tasklane::bench {

class RealTime : public Schedule {
 public:
  explicit RealTime(asio::io_context& io) : io_(io) {}
  [[nodiscard]] Time now() const override { return tasklane::now(); }
  void after(Duration delay, std::function<void()> action) override;

 private:
  asio::io_context& io_;
};

class WireFront : public Front {
 public:
  WireFront(asio::io_context& io, std::uint16_t port) : io_(io), port_(port) {}
  void ask(Asked asked, Done done) override;
  [[nodiscard]] std::size_t failed() const { return failed_; }
  // Requests by class.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& asked() const { return asked_; }

 private:
  Awaitable<void> talk(std::string request, Asked asked, Done done);

  asio::io_context& io_;
  std::uint16_t port_;
  std::map<std::uint64_t, std::vector<std::string>> answers_;  // what the model said in each chat
  std::map<std::string, std::uint64_t> asked_;
  std::size_t failed_ = 0;
};

}  // namespace tasklane::bench
