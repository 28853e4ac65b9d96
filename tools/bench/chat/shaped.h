// The way through Tasklane: the agent's own classifier, rules, lanes and lives of tasks, on simulated
// servers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shaper/classify/classifier.h"
#include "shaper/decide/config.h"
#include "shaper/server/book.h"
#include "shaper/task/desk.h"
#include "shaper/task/life.h"
#include "shaper/task/rewarming.h"
#include "tools/bench/chat/front.h"
#include "tools/simulate/own_request.h"

namespace tasklane::bench {

class Shaped : public Front, public World::Part {
 public:
  // `task`: the server that rules name "task"; null: there is none. `config` outlives it.
  Shaped(World& world, Server& model, Server* task, const Config& config, unsigned slots);
  ~Shaped() override;
  void ask(Asked asked, Done done) override;
  [[nodiscard]] const Admission* admission() const override { return &desk_.admission(); }
  // Chats that were taken for tasks, and tasks for chats.
  [[nodiscard]] std::uint64_t misjudged() const { return misjudged_; }
  [[nodiscard]] const RelayCounters& counters() const { return statistics_.relay(); }

  [[nodiscard]] std::optional<Time> next() const override {
    return desk_.admission().next_wakeup(world_.now());
  }
  void advance(Time now) override { desk_.tick(now); }

 private:
  class Task;

  // A chat on its way.
  struct Chat {
    Ticket ticket;
    Asked asked;
    KeptChat kept;
  };
  void ask_chat(Chat chat, Done done);
  void chat_answered(Chat chat, const sim::Usage& usage);
  void rewarm(const Rewarm& wish);
  [[nodiscard]] std::vector<Hop> hops_of(const Decision& decision) const;

  World& world_;
  Server& model_;
  Server* task_;
  const Config& config_;
  Classifier classifier_;
  BodyReader reader_;
  Desk desk_;
  Book book_;
  AnswerCache answers_;
  KeptChats chats_;
  Statistics statistics_;
  Canonical canonical_{1, 2};
  Rewarming rewarming_;
  bool bypass_ = false;
  std::map<RequestId, std::unique_ptr<Task>> tasks_;
  std::map<RequestId, std::unique_ptr<simulate::OwnRequest>> own_;
  std::map<std::uint64_t, std::vector<std::string>> said_;  // what the model said in each chat
  RequestId last_id_ = 0;
  std::uint64_t misjudged_ = 0;
};

}  // namespace tasklane::bench
