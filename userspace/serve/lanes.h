// The admission of shaper/admit on real requests: tells it what happens, and carries out what it decides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>

#include "shaper/admit/admission.h"
#include "shaper/dialect/answer.h"
#include "userspace/wire/io.h"

namespace tasklane {

// What a task's asking came to; shared by all who asked the same.
struct TaskResult {
  std::optional<Answer> answer;
  LocalAnswer error;                // where there is none: what the server said
  Dialect dialect = Dialect::none;  // of the error
};

// A task that waits for its turn. Called from the event loop; each call may come at any await of the task.
class WaitingTask {
 public:
  virtual ~WaitingTask() = default;
  virtual void on_start() = 0;
  virtual void on_cancel() = 0;
  virtual void on_answer(AnswerKind kind, const std::string& text) = 0;
  virtual void on_result(std::shared_ptr<const TaskResult> result) = 0;
};

// Whose chat it is that comes, to find what they were typing.
struct ChatSender {
  RequestClass request_class = RequestClass::chat;
  Tenant tenant;
  Conversation chat;
  Typist typist;
  Typist newcomer;        // the typist before the chat was there to be quoted
  std::string_view sent;  // what the person sends
};

// Lives as long as its event loop runs.
class Lanes {
 public:
  explicit Lanes(asio::io_context& io) : timer_(io.get_executor()) {}

  // A chat (or what is treated as one) comes and goes: never waits.
  void chat_begins(RequestId id, const ChatSender& sender, const std::string& upstream);
  void chat_ends(RequestId id);

  // `task` must live until it has left.
  void arrive(Ticket ticket, WaitingTask& task);
  // Whether others still wait for its answer.
  bool client_gone(RequestId id);
  // The upstream has answered, or failed: whoever shares the answer gets it too. Where it failed, each goes
  // on to the next of its own route.
  void finished(RequestId id, std::shared_ptr<const TaskResult> result);
  // Nothing more is carried out for this task.
  void leave(RequestId id);

  // What carries out a re-warm; a WaitingTask of its own, under the given id.
  void rewarm_with(std::function<void(const Rewarm&)> action) { on_rewarm_ = std::move(action); }
  void enter(RequestId id, WaitingTask& task) { tasks_[id] = &task; }

  void prewarm(const std::string& upstream, Time until);
  // In force at once, for what waits too.
  void use_slots(const std::string& upstream, unsigned slots, unsigned reserve);

  // All that waits goes at once, and nothing waits, while this is on.
  void release(bool on);

  Admission& admission() { return admission_; }
  [[nodiscard]] const Admission& admission() const { return admission_; }

 private:
  void carry_out(const Actions& actions);
  [[nodiscard]] std::vector<RequestId> followers_of(RequestId leader) const;
  void follow(RequestId id, RequestId leader);
  void follow_nobody(RequestId id);
  void set_timer_soon();
  void set_timer();

  Admission admission_;
  std::map<RequestId, WaitingTask*> tasks_;
  std::set<std::pair<RequestId, RequestId>> followers_;  // a leader, and one who shares its answer
  std::map<RequestId, RequestId> leaders_;               // of each follower
  std::function<void(const Rewarm&)> on_rewarm_;
  Timer timer_;
  std::optional<Time> timer_set_;
  bool timer_to_be_set_ = false;
};

}  // namespace tasklane
