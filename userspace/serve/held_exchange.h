// A request that waits in a lane and is then passed on byte for byte, streamed or not: somebody's batch job
// that a rule holds, a task whose answer nobody here may put together. Cancelled for a chat and sent again
// later only while no byte of an answer has been passed on, so the client never sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userspace/serve/exchange.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/request.h"
#include "userspace/serve/target.h"

namespace tasklane {

class HeldExchange : public WaitingTask {
 public:
  struct Parts {
    RelayContext& context;
    TcpSocket& client;
    std::shared_ptr<ClientInput> input;
    const Target& origin;
    Request& request;
    const Decision& decision;
    const Decision& as_it_came;  // taken where Tasklane is bypassed when its turn comes
    std::string client_model;
  };
  // `ticket` without upstream.
  HeldExchange(Parts parts, Ticket ticket);
  ~HeldExchange() override;
  HeldExchange(const HeldExchange&) = delete;
  HeldExchange& operator=(const HeldExchange&) = delete;

  struct Report {
    Exchange::Report exchange;
    bool over_rate = false;  // refused by its rule, and nothing was sent
  };
  // `outgoing` per upstream of the decision's route.
  Awaitable<Report> run(std::vector<Outgoing> outgoing);

  void on_start() override;
  void on_share() override {}
  void on_cancel() override;
  void on_answer(AnswerKind kind, const std::string& text) override;
  void on_result(std::shared_ptr<const TaskResult>) override {}

 private:
  Awaitable<bool> wait_for_turn();
  [[nodiscard]] bool bypassed() const { return parts_.context.bypass; }
  void watch_client();
  void client_left();
  void place();

  Parts parts_;
  Ticket ticket_;
  Timer signal_;
  std::optional<Exchange> exchange_;  // while it runs
  bool started_ = false;
  bool gone_ = false;
  bool refused_ = false;
};

}  // namespace tasklane
