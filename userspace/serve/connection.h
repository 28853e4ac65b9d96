// One client connection from accept to close: requests one after another, each read, classified, decided,
// sent, answered and counted.
#pragma once

#include <memory>
#include <string>

#include "shaper/decide/decide.h"
#include "userspace/serve/exchange.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/rewarmer.h"
#include "userspace/serve/task_run.h"

namespace tasklane {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(RelayContext& context, TcpSocket socket, Target origin);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Lives until the connection ends; `pass_through` makes it a tunnel from the first byte.
  Awaitable<void> run(bool pass_through);
  // Ends the connection where it has waited past its deadline. Called about once a second.
  void expire(Time at);
  // Ends as soon as no request is on its way: at once, or behind the last one's answer.
  void finish();
  // Ends now, whatever is on its way.
  void hang_up() { input_->hang_up(); }
  // Whether its request waits in a lane, or is asked for from one.
  [[nodiscard]] bool runs_task() const { return runs_task_; }

 private:
  [[nodiscard]] bool is_asked();
  [[nodiscard]] bool wants_body(const ReceivedRequest& request, const Config& config) const;
  Awaitable<bool> forward(Request& request);
  Awaitable<bool> run_exchange(Request& request, Reading& reading, const Classification& classification,
                               const Decision& decision);
  // Shown to be a task while it was on its way as a chat.
  Awaitable<bool> run_unmasked(Request& request, Reading& reading, Classification classification,
                               Unmasked unmasked);
  Awaitable<bool> run_task(Request& request, TaskPlan plan);
  Awaitable<bool> run_held(Request& request, Reading& reading, const Classification& classification,
                           const Decision& decision, Ticket ticket);
  // What is kept of a chat to ask its prompt again; none where its upstream does not want that.
  std::optional<ChatPrompt> prompt_of(const Request& request, const BodyFacts* body,
                                      const Classification& classification, const Decision& decision) const;
  [[nodiscard]] PlanInput plan_input(const Request& request, const BodyFacts* body,
                                     const Classification& classification, const Decision& decision) const;
  void remember_load_options(const Request& request, const BodyFacts* body,
                             const Classification& classification);
  Awaitable<bool> conclude(Request& request, Exchange::Report& report);
  Awaitable<void> refuse(LocalAnswer answer);
  Awaitable<void> refuse(int status, const std::string& message, const Request& request);
  // An answer of Tasklane's own says to a page of another origin what the server that it asked last said.
  void let_its_page_read(const Request& request, LocalAnswer& answer);
  void note_origin(const Request& request, const Exchange::Report& report);
  Awaitable<void> conclude_broken(const Request& request, const Exchange::Report& report);
  // Lets the last answer arrive: what the client still sends is taken for a moment.
  Awaitable<void> linger();
  Awaitable<void> run_tunnel();
  Awaitable<Decision> decide_on(const Request& request, Reading& reading,
                                const Classification& classification) const;
  Classification classify(Request& request, const BodyFacts* body);
  void note_slots(const Exchange::Report& report, const Upstream& first);
  void count(RequestClass request_class, const Exchange::Report& report, const Request& request);
  void reset_client();

  RelayContext& context_;
  TcpSocket socket_;
  Target origin_;
  std::string client_;  // address without port
  std::shared_ptr<ClientInput> input_;
  Time deadline_ = Time::max();
  bool serving_ = false;
  bool finishing_ = false;
  bool runs_task_ = false;
};

}  // namespace tasklane
