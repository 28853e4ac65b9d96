// Looks after a task that an upstream has been asked: where it takes too long, or its upstream is found to be
// away before anything of an answer has come, the connection is ended, and the task's life goes on.
#pragma once

#include <functional>
#include <memory>

#include "shaper/task/life.h"
#include "userspace/wire/answer_collector.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

class Watch {
 public:
  // Asks `left_alone` about once a second, as long as this lives and nothing was heard.
  Watch(asio::io_context& io, UpstreamPtr connection, Patience patience, std::shared_ptr<Heard> heard,
        std::function<bool()> left_alone);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  struct State;
  static void look(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace tasklane
