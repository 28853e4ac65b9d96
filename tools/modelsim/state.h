// What all connections of a simulator share.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include <boost/asio/basic_waitable_timer.hpp>

#include "tools/modelsim/server.h"
#include "userspace/wire/io.h"

namespace tasklane::sim {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// A request that waits for the engine's events.
struct Session {
  explicit Session(asio::io_context& io) : wake(io.get_executor()) {
    wake.expires_at(Timer::time_point::max());
  }
  std::deque<Event> events;
  Timer wake;
  bool closed = false;
};

// A request as it was received, for /sim/log and /sim/raw.
struct Received {
  std::string method, target, model, raw;
  bool stream = false;
  std::uint64_t engine_id = 0;  // 0: it did not generate
  Time at{};
};

struct Server::State {
  explicit State(ServerOptions wanted)
      : options(std::move(wanted)), engine(options.engine), alarm(io.get_executor()) {}

  ServerOptions options;
  asio::io_context io{1};
  Engine engine;
  Timer alarm;  // the engine's next event
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions;
  std::deque<Received> log;
  std::uint64_t dropped_log = 0;
  unsigned generations = 0;
  std::vector<std::shared_ptr<TcpAcceptor>> acceptors;
  Timer::time_point began = std::chrono::steady_clock::now();

  [[nodiscard]] Time sim_now() const;
  // Lets the engine work up to now and hands its events out.
  void pump();
  Awaitable<void> drive();
  Awaitable<void> accept_all(std::shared_ptr<TcpAcceptor> acceptor);
};

Awaitable<void> serve_connection(Server::State& state, TcpSocket socket);

// Everything that is no generation: status, models, embeddings, the simulator's own log. Status 404 where
// unknown.
struct StatusAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};
StatusAnswer status_answer(Server::State& state, const std::string& method, const std::string& path,
                           const std::string& body);

}  // namespace tasklane::sim
