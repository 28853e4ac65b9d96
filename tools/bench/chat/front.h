// The ways from the front end to the models: straight, or through Tasklane's lanes as the agent uses them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/decide/config.h"
#include "shaper/server/rewarm_worth.h"
#include "shaper/server/slice_worth.h"
#include "tools/bench/chat/world.h"

namespace tasklane::bench {

struct Asked {
  RequestClass request_class = RequestClass::chat;
  sim::Tokens prompt;
  std::size_t known = 0;  // of the prompt's tokens: the system prompt or the template, the same each time
  std::vector<sim::Tokens> said;  // the chatter's messages so far
  std::size_t answer_tokens = 0;
  sim::Tokens answer;      // of a chat: what the next turn will quote
  std::uint64_t chat = 0;  // tasks name the one that they quote
  std::uint64_t typist = 0;
  std::string typed;       // autocomplete: the text so far
  std::string suggestion;  // and what a model would add
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

class Direct : public Front {
 public:
  Direct(World& world, Server& model) : world_(world), model_(model) {}
  void ask(Asked asked, Done done) override;

 private:
  World& world_;
  Server& model_;
};

// What of Tasklane is left out, to see what it is worth.
struct Without {
  bool settle = false, quiet = false, preempt = false, slices = false, rewarm = false;
};

class Shaped : public Front, public World::Part {
 public:
  // `task`: the server that rules name "task"; null: there is none. `config` outlives it.
  Shaped(World& world, Server& model, Server* task, const Config& config, Without without, unsigned slots);
  void ask(Asked asked, Done done) override;
  [[nodiscard]] const Admission* admission() const override { return &admission_; }

  [[nodiscard]] std::optional<Time> next() const override { return admission_.next_wakeup(world_.now()); }
  void advance(Time now) override { carry_out(admission_.tick(now)); }

 private:
  struct Task {
    Asked asked;
    Done done;
    Server* server = nullptr;
    std::string upstream;
    bool slices = false;
    Time arrived{};
    std::uint64_t running = 0;  // the server's number; 0: waits
    std::size_t prefilled = 0;  // tokens of the slices so far
    bool begins_known = false;  // as the last suggestion, and the server has not yet told of that
  };

  [[nodiscard]] std::pair<const Rule*, std::string> rule_for(RequestClass request_class) const;
  void ask_chat(Asked asked, Done done);
  void carry_out(const Actions& actions);
  void start(RequestId id);
  void answered(RequestId id);
  std::size_t known_of(Task& task);
  SliceWorth& told_by(Task& task, const UpstreamFigures& figures);
  void local(RequestId id, const std::string& text);
  void rewarm(const Rewarm& wish);
  void finish(RequestId id, const std::string& text);

  World& world_;
  Server& model_;
  Server* task_;
  const Config& config_;
  Without without_;
  Admission admission_;
  std::map<std::string, SliceWorth> slice_worth_;
  RewarmWorth rewarm_worth_;
  RewarmOf next_rewarm_ = RewarmOf::answer;
  std::uint64_t last_key_ = 0;
  std::map<RequestId, Task> tasks_;
  std::map<RequestId, std::uint64_t> rewarming_;
  sim::Tokens last_chat_;
  RequestId last_id_ = 0;
};

}  // namespace tasklane::bench
