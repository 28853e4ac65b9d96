// A chatter and a typist at Open WebUI 0.12: what it sends for them and when, and what they see of it.
#pragma once

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tools/bench/chat/front.h"

namespace tasklane::bench {

struct Seen {
  std::vector<double> first_turn, later_turns, total, gap;  // seconds
  std::map<std::string, std::vector<double>> delay;         // of tasks that were answered, by class
  std::map<std::string, std::uint64_t> asked;               // by class
  std::vector<double> suggestion;                           // delay of those that were shown
  std::uint64_t late_suggestions = 0;                       // came when the typist had gone on
};

// Tokens of what a model answers to a task.
struct AnswerLengths {
  std::size_t title = 12, tags = 20, follow_up = 50, autocomplete = 8;
};

struct Habits {
  bool tasks = true;                 // the automations are on
  std::size_t shared_prefix = 5000;  // tokens of system prompt and tools
  std::uint64_t seed = 1;
  AnswerLengths answers;
  double quoted = 1;  // tokens that a token of an answer is in the next turn's prompt
};

class People {
 public:
  People(Schedule& schedule, Front& front, Habits habits);
  void begin();
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  using Random = std::mt19937_64;
  struct Conversation {
    std::uint64_t key = 0;
    int turn = 0, turns = 0;
    sim::Tokens prompt;
    std::vector<sim::Tokens> said, answers;
  };
  enum class Who : std::uint8_t { chatter, typist };
  // The dice of each are its own: what one waits for does not change what another does.
  struct Typing {
    Random random;
    std::string text;
    std::string along;       // what is left of a suggestion that is being typed along
    bool in_flight = false;  // the editor has one request at a time
    int pauses_left = 0;
    std::uint64_t pause = 0;
  };

  void new_conversation();
  void write_message();
  void send();
  void chat_answered(const Outcome& outcome);
  // `length`: tokens of the template.
  void ask_task(RequestClass request_class, std::size_t length, std::size_t answer_tokens);
  void pause(Who who);
  void ask_suggestion(Who who, Duration length);
  void typed_on(Who who);
  void quote_last_messages(Asked& asked) const;

  static double uniform(Random& random, double low, double high) {
    return std::uniform_real_distribution<>(low, high)(random);
  }
  static int whole(Random& random, int low, int high) {
    return std::uniform_int_distribution<>(low, high)(random);
  }
  void append(sim::Tokens& to, std::size_t count);

  Schedule& schedule_;
  Front& front_;
  Habits habits_;
  Random conversing_, suggesting_;
  Seen seen_;
  Conversation conversation_;
  std::array<Typing, 2> typing_;
  std::uint32_t next_token_ = 1'000'000;
};

}  // namespace tasklane::bench
