// Performs what the life of one task (shaper/task/life.h) says, on sockets: waits in a lane, dials, sends,
// collects, stops. Not a byte is passed on before the answer is whole, so the client never sees what happened
// in between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "shaper/task/life.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/request.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"

namespace tasklane {

class TaskRun : public WaitingTask {
 public:
  TaskRun(RelayContext& context, std::shared_ptr<ClientInput> input, const Target& origin,
          const Request& request, const TaskPlan& plan);
  ~TaskRun() override;
  TaskRun(const TaskRun&) = delete;
  TaskRun& operator=(const TaskRun&) = delete;

  struct Report {
    std::optional<LocalAnswer> answer;  // for the client; none: it has gone
    std::string upstream;               // that was asked last
    bool asked = false;                 // an upstream was asked at all
    std::uint64_t bytes_up = 0;
    std::optional<Time> asked_at = {};  // for the first time
  };
  Awaitable<Report> run();

  void on_start() override;
  void on_share() override;
  void on_cancel() override;
  void on_answer(AnswerKind kind, const std::string& text) override;
  void on_result(std::shared_ptr<const TaskResult> result) override;

 private:
  Awaitable<void> event();
  Awaitable<void> dial(effect::Dial wish);
  Awaitable<void> send(effect::Send wish);
  void open_ahead();
  void told();
  void client_left();
  void note_slots(const Collected& collected, bool lost);
  void note_origin(const Collected& collected);
  [[nodiscard]] std::string wire(std::string_view body, Dialect dialect) const;

  RelayContext& context_;
  std::shared_ptr<ClientInput> input_;
  const Target& origin_;
  const Request& request_;
  RequestId id_;
  Life life_;
  Timer signal_;
  std::shared_ptr<Dialling> dialling_;  // while one is under way
  UpstreamPtr upstream_;
  bool on_its_way_ = false;  // a dial or a request
  std::uint64_t bytes_up_ = 0;
  std::optional<Time> asked_at_;
};

}  // namespace tasklane
