// The way through Tasklane: the agent's own classifier, rules, lanes and lives of tasks, on simulated
// servers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shaper/classify/classifier.h"
#include "shaper/decide/config.h"
#include "tools/bench/chat/front.h"
#include "tools/simulate/lanes.h"

namespace tasklane::bench {

class Shaped : public Front {
 public:
  // `task`: the server that rules name "task"; null: there is none. `config` outlives it.
  Shaped(World& world, Server& model, Server* task, const Config& config, unsigned slots);
  ~Shaped() override;
  void ask(Asked asked, Done done) override;
  [[nodiscard]] const Admission* admission() const override { return &lanes_.admission(); }
  // Chats that were taken for tasks, and tasks for chats.
  [[nodiscard]] std::uint64_t misjudged() const { return misjudged_; }
  [[nodiscard]] const RelayCounters& counters() const { return lanes_.counters(); }

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
  [[nodiscard]] std::vector<Hop> hops_of(const Decision& decision) const;

  World& world_;
  Server& model_;
  const Config& config_;
  Classifier classifier_;
  BodyReader reader_;
  simulate::Lanes lanes_;
  std::map<RequestId, std::unique_ptr<Task>> tasks_;
  std::map<std::uint64_t, std::vector<std::string>> said_;  // what the model said in each chat
  RequestId last_id_ = 0;
  std::uint64_t misjudged_ = 0;
};

}  // namespace tasklane::bench
