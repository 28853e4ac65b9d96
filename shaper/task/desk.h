// Where tasks stand and wait: tells the admission of shaper/admit what happens, each task what the admission
// decides, and whoever shares an answer what it was. Given the time; called from one thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/task/task_result.h"

namespace tasklane {

// A task that waits for its turn. Each call may come at any time while it is in a lane.
class WaitingTask {
 public:
  virtual ~WaitingTask() = default;
  virtual void on_start() = 0;
  virtual void on_share() = 0;  // another's answer will be its own
  virtual void on_cancel() = 0;
  virtual void on_answer(AnswerKind kind, const std::string& text) = 0;
  virtual void on_result(std::shared_ptr<const TaskResult> result) = 0;
};

class Desk {
 public:
  // A chat (or what is treated as one) comes and goes: never waits.
  void chat_begins(Ticket ticket, Time now) { carry_out(admission_.arrive(std::move(ticket), now)); }
  void chat_ends(RequestId id, Time now) { carry_out(admission_.finished(id, now)); }

  // `task` must live until it has left.
  void arrive(Ticket ticket, WaitingTask& task, Time now);
  // Whether others still wait for its answer.
  bool client_gone(RequestId id, Time now);
  // The upstream has answered, or failed: whoever shares the answer is told.
  void finished(RequestId id, const std::shared_ptr<const TaskResult>& result, Time now);
  // A task that runs waits again, where Admission::rests() says that it is to.
  void rest(RequestId id, Time now) { carry_out(admission_.rest(id, now)); }
  // Nothing more is carried out for this task.
  void leave(RequestId id);

  // What carries out a re-warm; a WaitingTask of its own, under the given id.
  void rewarm_with(std::function<void(const Rewarm&)> action) { on_rewarm_ = std::move(action); }
  void enter(RequestId id, WaitingTask& task) { tasks_[id] = &task; }
  void tick(Time now) { carry_out(admission_.tick(now)); }
  // All that waits goes at once, and nothing waits, while this is on.
  void release(bool on, Time now) { carry_out(admission_.release(on, now)); }

  Admission& admission() { return admission_; }
  [[nodiscard]] const Admission& admission() const { return admission_; }

 private:
  void carry_out(Actions actions);
  void carry_out(const Action& action);
  [[nodiscard]] std::vector<RequestId> followers_of(RequestId leader) const;
  void follow(RequestId id, RequestId leader);
  void follow_nobody(RequestId id);

  Admission admission_;
  std::map<RequestId, WaitingTask*> tasks_;
  std::set<std::pair<RequestId, RequestId>> followers_;  // a leader, and one who shares its answer
  std::map<RequestId, RequestId> leaders_;               // of each follower
  std::function<void(const Rewarm&)> on_rewarm_;
  std::deque<Action> decided_;  // and not yet carried out
  bool carrying_out_ = false;
};

}  // namespace tasklane
