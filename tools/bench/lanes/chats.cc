#include "tools/bench/lanes/chats.h"

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <thread>

#include "tools/bench/lanes/requests.h"

namespace tasklane::bench {
namespace {

constexpr std::size_t endless = 1'000'000;  // tokens: the simulator's own length ends it
constexpr std::size_t short_answer = 8;
constexpr Duration between_chats = std::chrono::milliseconds(20);
constexpr auto until_it_streams = std::chrono::milliseconds(20);

}  // namespace

double milliseconds(Duration time) { return seconds_of(time) * 1e3; }

Awaitable<void> pause(asio::io_context& io, Duration time) {
  Timer timer(io.get_executor(), time);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(use_await, ignored));
}

LongChat::LongChat(Load& load, std::uint16_t port, std::size_t number)
    : load_(load), state_(std::make_shared<State>(load.io())) {
  asio::co_spawn(load.io(), listen(state_, port, number), asio::detached);
  for (int i = 0; i < 500 && !streams(); ++i) std::this_thread::sleep_for(until_it_streams);
}

LongChat::~LongChat() {
  const auto leave = [](std::shared_ptr<State> state) -> Awaitable<bool> {
    state->client.leave();
    co_return true;
  };
  load_.run(leave(state_));
}

Awaitable<void> LongChat::listen(std::shared_ptr<State> state, std::uint16_t port, std::size_t number) {
  const bool connected = co_await state->client.connect(port);
  const std::string request = chat_request(number, endless);
  const OnPiece note = [state](Time at) { state->pieces.push_back(at); };
  if (connected) co_await state->client.ask(request, note);
  state->ended = true;
}

bool LongChat::streams() {
  const auto look = [](std::shared_ptr<State> state) -> Awaitable<bool> {
    co_return !state->pieces.empty() && !state->ended;
  };
  return load_.run(look(state_));
}

std::vector<double> LongChat::gaps_since(Time begin) {
  const auto copy = [](std::shared_ptr<State> state) -> Awaitable<std::vector<Time>> {
    co_return state->pieces;
  };
  const std::vector<Time> pieces = load_.run(copy(state_));
  std::vector<double> gaps;
  for (std::size_t i = 1; i < pieces.size(); ++i)
    if (pieces[i] >= begin) gaps.push_back(milliseconds(pieces[i] - std::max(begin, pieces[i - 1])));
  // One that is still open counts with what it has lasted.
  if (!pieces.empty()) gaps.push_back(milliseconds(now() - pieces.back()));
  return gaps;
}

Awaitable<Beside> chats_beside(asio::io_context& io, std::uint16_t port, std::size_t count, Shown shown) {
  static std::size_t number = endless;  // each chat is one of its own
  Beside beside;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string chat = chat_request(++number, short_answer);
    const Reply answer = co_await ask_once(io, port, chat);
    if (answer.whole && answer.status == 200)
      beside.first_tokens.push_back(milliseconds(answer.first_byte));
    else
      ++beside.failed;
    const std::string version = version_request();
    const Reply plain = co_await ask_once(io, port, version);
    if (plain.whole) beside.version.push_back(milliseconds(plain.total));
    if (!shown.suggestion.empty()) {
      const std::size_t along = i % (shown.suggestion.size() - 1);
      const std::string request =
          autocomplete_request(shown.typed + shown.suggestion.substr(0, along), "one who types along");
      const Reply rest = co_await ask_once(io, port, request);
      if (suggestion_of(rest.body) == shown.suggestion.substr(along))
        beside.type_ahead.push_back(milliseconds(rest.total));
      else
        ++beside.failed;
    }
    co_await pause(io, between_chats);
  }
  co_return beside;
}

}  // namespace tasklane::bench
