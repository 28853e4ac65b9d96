// Many clients who ask for a task each, at once, and wait: some until they are answered, some leave before.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/lanes/client.h"

namespace tasklane::bench {

struct CrowdTally {
  std::size_t asked = 0;     // sent
  std::size_t answered = 0;  // with the JSON that was asked for
  std::size_t wrong = 0;     // with anything else
  std::size_t lost = 0;      // the connection ended without an answer
  std::size_t twice = 0;     // more came behind the answer
  std::size_t left = 0;      // by themselves
  std::size_t request_bytes = 0;
};

class Crowd {
 public:
  Crowd(asio::io_context& io, std::uint16_t port, std::size_t size, std::size_t first_number);

  // All of these run on the clients' thread. Each member connects and asks, and stays when it is answered.
  Awaitable<void> arrive();
  // Every other one of those that still wait leaves; `all`: everybody does.
  Awaitable<void> leave(bool all);
  Awaitable<CrowdTally> tally() const;

 private:
  struct Member {
    explicit Member(asio::io_context& io) : client(io) {}
    Client client;
    bool answered = false;
    bool left = false;
  };
  struct State {
    CrowdTally tally;
    std::vector<std::unique_ptr<Member>> members;
  };
  static Awaitable<void> live(std::shared_ptr<State> state, std::size_t index, std::size_t number,
                              std::uint16_t port);

  asio::io_context& io_;
  std::uint16_t port_;
  std::size_t first_number_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tasklane::bench
