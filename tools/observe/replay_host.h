// A host of a replay: its simulated servers, the lanes as the agent has them, and each request's fate.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/modelsim/generation_request.h"
#include "tools/observe/replay.h"
#include "tools/observe/replay_order.h"
#include "tools/observe/synthetic.h"
#include "tools/simulate/lanes.h"
#include "tools/simulate/task.h"
#include "tools/simulate/world.h"

namespace tasklane::observe {

using simulate::Server;
using simulate::World;

struct SimulatedServer {
  std::string name;
  const ServerModel* model = nullptr;
  std::unique_ptr<Server> server;
};

// A request's stay at a server, drawn into its fate as it goes.
class Stay {
 public:
  Stay(Fate& fate, World& world) : fate_(fate), world_(world), since_(world.now()) {}
  void launched() { turn(SpanKind::prefill); }
  void token() {
    if (kind_ != SpanKind::decode) turn(SpanKind::decode);
  }
  void done() { end(kind_); }
  void cancelled() { end(SpanKind::cancelled); }
  [[nodiscard]] bool any_token() const { return kind_ == SpanKind::decode; }

 private:
  void turn(SpanKind next) {
    end(kind_);
    kind_ = next;
    since_ = world_.now();
  }
  void end(SpanKind as) {
    if (world_.now() > since_) fate_.spans.push_back({as, since_, world_.now()});
  }

  Fate& fate_;
  World& world_;
  SpanKind kind_ = SpanKind::queued;
  Time since_;
};

class ReplayTask;

class Host {
 public:
  Host(const Trace& trace, const ReplayOptions& options);
  ~Host();
  ReplayResult run();

 private:
  friend class ReplayTask;

  void make_servers();
  void schedule(std::size_t place, Duration delay);
  void arrive(std::size_t place);
  void ended(std::size_t place);
  void ask_chat(std::size_t place, const Ticket& ticket, const std::string& body, SimulatedServer& server);
  void chat_answered(std::size_t place, const Ticket& ticket, SimulatedServer& server, KeptChat kept,
                     const sim::Usage& usage);
  [[nodiscard]] bool ruled(const SocketName& server) const;
  [[nodiscard]] std::vector<Hop> hops_of(const Decision& decision, const SimulatedServer& origin) const;
  [[nodiscard]] std::size_t answer_tokens(const ObservedRequest& request) const;
  [[nodiscard]] sim::Work work_of(const ObservedRequest& request, sim::GenerationRequest& parsed,
                                  const ServerModel& model) const;

  const Trace& trace_;
  const ReplayOptions& options_;
  ReplayOrder order_;
  Synthetic synthetic_;
  World world_;
  std::map<std::string, SimulatedServer> servers_;
  std::map<SocketName, std::string> names_;
  std::map<std::string, std::string> by_port_;
  std::map<std::string, ServerModel> other_models_;
  BodyReader reader_;
  simulate::Lanes lanes_{world_};
  std::map<RequestId, std::unique_ptr<ReplayTask>> tasks_;
  std::map<RequestClass, std::size_t> usual_tokens_;
  std::vector<Fate> fates_;
};

// A task of the trace; what becomes of it is drawn into its fate.
class ReplayTask : public simulate::Task {
 public:
  ReplayTask(Host& host, std::size_t place, TaskPlan plan, std::vector<Hop> hops);

  void client_leaves();

 private:
  Fate& fate();
  void begin_held();
  void end_held();

  sim::Work work_of(sim::GenerationRequest& request) override;
  [[nodiscard]] std::string content() const override;
  void entered(Lane lane) override;
  void started() override { end_held(); }
  void cancelled() override {
    if (!fate().left) ++fate().cancelled;  // for a chat
  }
  void on_sent() override;
  void on_launched() override { stay_->launched(); }
  void on_token() override { stay_->token(); }
  void on_ended(bool whole) override;
  void done(const effect::Done& done) override;

  Host& host_;
  std::size_t place_;
  std::optional<Stay> stay_;
  std::optional<Time> held_since_;
};

}  // namespace tasklane::observe
