// Drives a task's life: what its lane and its upstream tell goes in, and each effect that follows is
// performed at once by whoever has the upstreams. For upstreams that are reached without waiting, as
// simulated ones are; the agent's sockets are not (userspace/serve).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shaper/task/desk.h"
#include "shaper/task/life.h"

namespace tasklane {

class TaskDriver : public WaitingTask {
 public:
  // What performs the effects; outlives the driver. After done() the driver may be destroyed, but not in it.
  class Upstreams {
   public:
    virtual ~Upstreams() = default;
    [[nodiscard]] virtual Time now() const = 0;
    // Why it is not reached, in few words; none: it is.
    virtual std::optional<std::string> dial(const Hop& hop) = 0;
    // Its end is told by TaskDriver::replied().
    virtual void send(effect::Send send) = 0;
    // What was sent is given up: nothing more is told of it.
    virtual void stop() = 0;
    virtual void done(const effect::Done& done) = 0;
    // For whoever watches.
    virtual void entered(Lane /*lane*/) {}
    virtual void started() {}
    virtual void cancelled() {}
  };
  TaskDriver(Desk& desk, Upstreams& upstreams, Life::Around around, TaskPlan plan, std::vector<Hop> route)
      : desk_(desk),
        upstreams_(upstreams),
        id_(plan.ticket.id),
        life_(around, std::move(plan), std::move(route)) {}

  void begin() { perform_all(); }
  void replied(const Reply& reply, const AnswerAssembler& assembler);
  void client_left();

  void on_start() override;
  void on_share() override;
  void on_cancel() override;
  void on_answer(AnswerKind kind, const std::string& text) override;
  void on_result(std::shared_ptr<const TaskResult> result) override;

  [[nodiscard]] const Life& life() const { return life_; }
  [[nodiscard]] bool is_done() const { return done_; }

 private:
  void perform_all();
  // False: it waits, or is at its end.
  bool perform(Effect due);

  Desk& desk_;
  Upstreams& upstreams_;
  RequestId id_;
  Life life_;
  bool performing_ = false;
  bool done_ = false;
};

}  // namespace tasklane
