// The way from the front end to the models; here the straight one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shaper/admit/admission.h"
#include "tools/simulate/world.h"

namespace tasklane::bench {

using simulate::Schedule;
using simulate::Server;
using simulate::World;

struct Asked {
  RequestClass request_class = RequestClass::chat;
  sim::Tokens prompt;
  std::size_t known = 0;  // of the prompt's tokens: the system prompt or the template, the same each time
  std::vector<sim::Tokens> said;   // the chatter's messages so far, or those that are quoted
  std::size_t unquoted_turns = 0;  // before them
  std::size_t answer_tokens = 0;
  sim::Tokens answer;        // of a chat: what the next turn will quote
  std::uint64_t chat = 0;    // tasks name the one that they quote
  std::uint64_t typist = 0;  // 0: unknown
  std::string typed;         // autocomplete: the text so far
  std::string suggestion;    // and what a model would add
};

struct Outcome {
  std::string text;  // empty: the valid empty answer
  Duration first_token{};
  Duration total{};
  Duration longest_gap{};
};
using Done = std::function<void(const Outcome&)>;

class Front {
 public:
  virtual ~Front() = default;
  virtual void ask(Asked asked, Done done) = 0;
  // Of Tasklane; null: there is none.
  [[nodiscard]] virtual const Admission* admission() const { return nullptr; }
};

// What a model is taken to say to it.
std::string text_of(const Asked& asked);

class Direct : public Front {
 public:
  Direct(World& world, Server& model) : world_(world), model_(model) {}
  void ask(Asked asked, Done done) override;

 private:
  World& world_;
  Server& model_;
};

}  // namespace tasklane::bench
