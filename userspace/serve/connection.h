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
  // Ends behind the answer that is on its way. One that is idle, or whose answer's head went out before, may
  // have its next request on the way: that is waited for a while, answered, and the client told that it is
  // the last.
  void finish();
  // Ends now, whatever is on its way.
  void hang_up() { input_->hang_up(); }
  [[nodiscard]] bool steered() const { return origin_.steered; }
  // Whether its request waits in a lane, or is asked for from one.
  [[nodiscard]] bool runs_task() const { return runs_task_; }

 private:
  // Its life, and the opaque tunnel: connection.cc.
  [[nodiscard]] bool wants_body(const ReceivedRequest& request, const Config& config) const;
  [[nodiscard]] bool waited_long_enough(Time at) const;
  Awaitable<void> run_tunnel();

  // What a request is, and what becomes of it: judging.cc.
  Awaitable<bool> forward(Request& request);
  // Shown to be a task while it was on its way as a chat.
  Awaitable<bool> run_unmasked(Request& request, Reading& reading, Classification classification,
                               Unmasked unmasked);
  Classification classify(Request& request, const BodyFacts* body);
  [[nodiscard]] bool decides_beside(const Request& request, const Reading& reading) const;
  Awaitable<Decision> decide_beside(const Request& request, Reading& reading,
                                    const Classification& classification) const;
  [[nodiscard]] Decision decide_at_once(const Request& request, const Reading& reading,
                                        const Classification& classification) const;
  [[nodiscard]] Decision decide_on(const Request& request, const Reading& reading,
                                   const Classification& classification) const;
  void share_out(Decision& decision, const Request& request, const Classification& classification) const;
  [[nodiscard]] static Decision pass_untouched(const Config& config);
  [[nodiscard]] PlanInput plan_input(const Request& request, const BodyFacts* body,
                                     const Classification& classification, const Decision& decision) const;

  // The asking, and what is kept and counted of it: asking.cc.
  Awaitable<bool> run_exchange(Request& request, Reading& reading, const Classification& classification,
                               const Decision& decision);
  Awaitable<bool> run_held(Request& request, Reading& reading, const Classification& classification,
                           const Decision& decision, Ticket ticket);
  Awaitable<bool> run_task(Request& request, TaskPlan plan);
  // What is kept of a chat to ask its prompt again; none where its upstream does not want that.
  std::optional<ChatPrompt> prompt_of(const Request& request, const BodyFacts* body,
                                      const Classification& classification, const Decision& decision) const;
  void remember_load_options(const Request& request, const BodyFacts* body,
                             const Classification& classification);
  void note_slots(const Exchange::Report& report, const Upstream& first, const ServerKey& server);
  void count(RequestClass request_class, const Exchange::Report& report, const Request& request);

  // The end: concluding.cc.
  // What becomes of the connection behind an answer that ended as most do, without a wait; else conclude()
  // says.
  [[nodiscard]] static std::optional<bool> concluded(const Request& request, const Exchange::Report& report);
  Awaitable<bool> conclude(Request& request, Exchange::Report& report);
  Awaitable<void> conclude_broken(const Request& request, const Exchange::Report& report);
  Awaitable<void> refuse(LocalAnswer answer);
  Awaitable<void> refuse(int status, const std::string& message, const Request& request);
  // An answer of Tasklane's own says to a page of another origin what the server that it asked last said.
  void let_its_page_read(const Request& request, LocalAnswer& answer);
  static void note(const Request& request, LocalAnswer& answer);
  void note_origin(const Request& request, const Exchange::Report& report);
  // Lets the last answer arrive: what the client still sends is taken for a moment.
  Awaitable<void> linger();
  void reset_client();

  RelayContext& context_;
  TcpSocket socket_;
  Target origin_;
  std::string client_;  // address without port
  std::shared_ptr<ClientInput> input_;
  Time deadline_ = Time::max();
  Time idle_since_ = now();  // or since it was told to end
  bool serving_ = false;
  bool finishing_ = false;
  bool runs_task_ = false;
};

}  // namespace tasklane
