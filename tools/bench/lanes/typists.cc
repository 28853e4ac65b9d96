#include "tools/bench/lanes/typists.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <random>
#include <set>

#include "tools/bench/lanes/chats.h"
#include "tools/bench/lanes/requests.h"

namespace tasklane::bench {
namespace {

constexpr std::size_t longest_text = 100;  // then it is sent, and another begins
// Longer than the agent lets a keystroke wait.
constexpr Duration last_answers = std::chrono::seconds(4);
constexpr Duration keystroke_deadline = std::chrono::milliseconds(2900);
constexpr double goes_along = 0.7;  // of the suggestions that are shown
// Who types stops now and then to think, and only then sees a suggestion.
constexpr std::size_t burst = 12;
constexpr double share_of_typing = 0.6;

// When the keystroke of that number falls, at `pace` on average.
Duration moment_of(std::size_t number, Duration pace) {
  const double within = share_of_typing * static_cast<double>(number % burst);
  return from_seconds(seconds_of(pace) * (static_cast<double>(number / burst * burst) + within));
}

class TypingPerson : public std::enable_shared_from_this<TypingPerson> {
 public:
  TypingPerson(asio::io_context& io, std::uint16_t port, unsigned number, EditorTally& tally, bool eager)
      : io_(io),
        port_(port),
        name_("typist " + std::to_string(number)),
        tally_(tally),
        eager_(eager),
        random_(number) {}

  Awaitable<void> type(std::size_t keystrokes, Time begin, Duration pace) {
    for (std::size_t i = 0; i < keystrokes; ++i) {
      co_await pause(io_, begin + moment_of(i, pace) - now());
      press();
      if (!eager_ && !open_.empty()) continue;
      asio::co_spawn(io_, ask(shared_from_this(), text_, ++asked_), asio::detached);
    }
  }

  // Whoever has no answer by now gets none.
  void give_up() {
    for (const auto& client : open_) client->leave();
  }

 private:
  // One to three letters: of the suggestion, or of the typist's own.
  void press() {
    ++tally_.keystrokes;
    if (text_.size() > longest_text) {
      text_.clear();
      along_.clear();
    }
    const std::size_t letters = 1 + random_() % 3;
    if (!along_.empty()) {
      text_ += along_.substr(0, letters);
      along_.erase(0, std::min(letters, along_.size()));
      return;
    }
    for (std::size_t i = 0; i < letters; ++i)
      text_ += random_() % 6 == 0 ? ' ' : static_cast<char>('a' + random_() % 26);
  }

  static Awaitable<void> ask(std::shared_ptr<TypingPerson> self, std::string typed, std::size_t number) {
    ++self->tally_.asked;
    const auto client = std::make_shared<Client>(self->io_);
    self->open_.insert(client);
    const Time begin = now();
    const bool connected = co_await client->connect(self->port_);
    const std::string request = autocomplete_request(typed, self->name_);
    Reply reply;
    if (connected) reply = co_await client->ask(request);
    self->open_.erase(client);
    const Duration took = now() - begin;
    const Completion completion = self->take(typed, number, reply, took);
    self->tally_.answers[completion].push_back(milliseconds(took));
  }

  Completion take(const std::string& typed, std::size_t number, const Reply& reply, Duration took) {
    if (!reply.whole || reply.status != 200) return Completion::none;
    const std::string text = suggestion_of(reply.body);
    if (text.empty()) {
      if (number < asked_) return Completion::superseded;
      return took >= keystroke_deadline ? Completion::late : Completion::paused;
    }
    const bool shown_before =
        typed.starts_with(shown_.typed) && typed + text == shown_.typed + shown_.suggestion;
    if (shown_before) return Completion::type_ahead;
    shown_ = {typed, text};
    if (text_ == typed && static_cast<double>(random_() % 1000) < 1000 * goes_along) along_ = text;
    return Completion::model;
  }

  asio::io_context& io_;
  std::uint16_t port_;
  std::string name_;
  EditorTally& tally_;
  bool eager_;
  std::mt19937 random_;
  std::string text_;
  std::string along_;  // what is still to be typed of a suggestion
  Shown shown_;
  std::size_t asked_ = 0;
  std::set<std::shared_ptr<Client>> open_;
};

}  // namespace

const char* to_text(Completion completion) {
  switch (completion) {
    case Completion::model:
      return "model";
    case Completion::type_ahead:
      return "type_ahead";
    case Completion::superseded:
      return "superseded";
    case Completion::paused:
      return "paused";
    case Completion::late:
      return "late";
    case Completion::none:
      return "none";
  }
  return "";
}

Awaitable<Typed> type(asio::io_context& io, Typing typing) {
  Typed typed;
  std::vector<std::shared_ptr<TypingPerson>> typists;
  const std::size_t each = typing.keystrokes / typing.typists;
  const Duration pace = typing.time / static_cast<Duration::rep>(std::max<std::size_t>(1, each));
  const Time begin = now();
  for (unsigned i = 0; i < typing.typists; ++i) {
    const bool eager = i % 2 == 1;
    typists.push_back(
        std::make_shared<TypingPerson>(io, typing.port, i, eager ? typed.eager : typed.one_in_flight, eager));
    // By turns, not all at one moment.
    asio::co_spawn(io, typists.back()->type(each, begin + i * pace / typing.typists, pace), asio::detached);
  }
  co_await pause(io, typing.time + last_answers);
  for (const auto& typist : typists) typist->give_up();
  co_await pause(io, std::chrono::milliseconds(200));
  co_return typed;
}

}  // namespace tasklane::bench
