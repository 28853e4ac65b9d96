// What the load is held against: a chat that streams, short chats beside it, and the plain way there and
// back.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/lanes/client.h"
#include "tools/bench/lanes/load.h"

namespace tasklane::bench {

// A person who reads along, from construction on; the gaps are what that person sees.
class LongChat {
 public:
  LongChat(Load& load, std::uint16_t port, std::size_t number);
  ~LongChat();
  LongChat(const LongChat&) = delete;
  LongChat& operator=(const LongChat&) = delete;

  // Milliseconds between tokens from `begin` to now.
  std::vector<double> gaps_since(Time begin);
  [[nodiscard]] bool streams();

 private:
  struct State {
    explicit State(asio::io_context& io) : client(io) {}
    Client client;
    std::vector<Time> pieces;
    bool ended = false;
  };
  static Awaitable<void> listen(std::shared_ptr<State> state, std::uint16_t port, std::size_t number);

  Load& load_;
  std::shared_ptr<State> state_;
};

// A suggestion along which a typist types on.
struct Shown {
  std::string typed;
  std::string suggestion;
};

struct Beside {  // milliseconds
  std::vector<double> first_tokens;
  std::vector<double> version;     // GET /api/version: relayed, neither a chat nor a task
  std::vector<double> type_ahead;  // answered from the last suggestion
  std::size_t failed = 0;
};

// So many short chats, one after the other, and beside each the plain way and, where something was shown, a
// keystroke along it.
Awaitable<Beside> chats_beside(asio::io_context& io, std::uint16_t port, std::size_t count, Shown shown);

double milliseconds(Duration time);
Awaitable<void> pause(asio::io_context& io, Duration time);

}  // namespace tasklane::bench
