// The desk of shaper/task on real requests: at the time that it is, and with a timer for what time alone
// brings.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/basic_waitable_timer.hpp>

#include "shaper/task/desk.h"
#include "userspace/wire/io.h"

namespace tasklane {

// Lives as long as its event loop runs. A task is told what is decided from the event loop, at any of its
// awaits.
class Lanes {
 public:
  explicit Lanes(asio::io_context& io) : timer_(io.get_executor()) {}

  // See Desk.
  void chat_begins(Ticket ticket);
  void chat_ends(RequestId id);
  void arrive(Ticket ticket, WaitingTask& task);
  bool client_gone(RequestId id);
  void finished(RequestId id, const std::shared_ptr<const TaskResult>& result);
  void rest(RequestId id);
  void leave(RequestId id) { desk_.leave(id); }
  void rewarm_with(std::function<void(const Rewarm&)> action) { desk_.rewarm_with(std::move(action)); }
  void enter(RequestId id, WaitingTask& task) { desk_.enter(id, task); }

  void prewarm(const std::string& upstream, Time until);
  // In force at once, for what waits too.
  void use_slots(const std::string& upstream, unsigned slots, unsigned reserve);

  // All that waits goes at once, and nothing waits, while this is on.
  void release(bool on);

  Admission& admission() { return desk_.admission(); }
  [[nodiscard]] const Admission& admission() const { return desk_.admission(); }

 private:
  void set_timer_soon();
  void set_timer();

  Desk desk_;
  Timer timer_;
  std::optional<Time> timer_set_;
  bool timer_to_be_set_ = false;
};

}  // namespace tasklane
