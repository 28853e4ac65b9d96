// A prompt that Tasklane asks a simulated server again on its own account; it gives way when it is told to.
#pragma once

#include <functional>
#include <memory>

#include "shaper/task/desk.h"
#include "shaper/task/kept_chats.h"
#include "shaper/task/rewarming.h"
#include "tools/simulate/world.h"

namespace tasklane::simulate {

class OwnRequest : public WaitingTask {
 public:
  struct Around {
    World& world;
    Server& server;
    Desk& desk;
    Rewarming& rewarming;
  };
  // `work` asks for `chat` once more, for one token. `gone`: it has come to its end and may be destroyed.
  OwnRequest(Around around, RequestId id, const ServerKey& server, std::shared_ptr<const KeptChat> chat,
             sim::Work work, std::function<void()> gone);

  void on_start() override {}
  void on_share() override {}
  void on_cancel() override;
  void on_answer(AnswerKind, const std::string&) override {}
  void on_result(std::shared_ptr<const TaskResult>) override {}

 private:
  void end();

  Around around_;
  RequestId id_;
  std::function<void()> gone_;
  std::uint64_t running_ = 0;  // the server's number
};

}  // namespace tasklane::simulate
