// A host of a replay: its simulated servers, the lanes and what is known of a server as the agent has them,
// and each task's life.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shaper/server/book.h"
#include "shaper/task/desk.h"
#include "shaper/task/life.h"
#include "shaper/task/rewarming.h"
#include "tools/modelsim/generation_request.h"
#include "tools/observe/replay.h"
#include "tools/observe/replay_order.h"
#include "tools/observe/synthetic.h"
#include "tools/simulate/own_request.h"
#include "tools/simulate/wire.h"
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

class Host : public World::Part {
 public:
  Host(const Trace& trace, const ReplayOptions& options);
  ~Host() override;
  ReplayResult run();

  [[nodiscard]] std::optional<Time> next() const override {
    return desk_.admission().next_wakeup(world_.now());
  }
  void advance(Time now) override { desk_.tick(now); }

 private:
  friend class ReplayTask;

  void make_servers();
  void schedule(std::size_t place, Duration delay);
  void arrive(std::size_t place);
  void ended(std::size_t place);
  void ask_chat(std::size_t place, Ticket ticket, const std::string& body, SimulatedServer& server);
  void chat_answered(std::size_t place, const Ticket& ticket, SimulatedServer& server, KeptChat kept,
                     const sim::Usage& usage);
  void rewarm(const Rewarm& wish);
  [[nodiscard]] bool ruled(const SocketName& server) const;
  [[nodiscard]] std::vector<Hop> hops_of(const Decision& decision, const SimulatedServer& origin) const;
  SimulatedServer& server_of(const ServerKey& key);
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
  Desk desk_;
  Book book_;
  AnswerCache answers_;
  Statistics statistics_;
  Canonical canonical_{1, 2};
  Rewarming rewarming_{book_, desk_.admission()};
  bool bypass_ = false;
  std::map<RequestId, std::unique_ptr<ReplayTask>> tasks_;
  std::map<RequestId, std::unique_ptr<simulate::OwnRequest>> own_;
  KeptChats chats_;
  std::map<RequestClass, std::size_t> usual_tokens_;
  std::vector<Fate> fates_;
};

// Performs what its life says on the simulated servers.
class ReplayTask : public WaitingTask {
 public:
  ReplayTask(Host& host, std::size_t place, TaskPlan plan, std::vector<Hop> hops)
      : host_(host),
        place_(place),
        id_(plan.ticket.id),
        dialect_(plan.form.dialect),
        life_({host.book_, host.desk_.admission(), host.answers_, host.chats_, host.statistics_,
               host.canonical_, host.bypass_},
              std::move(plan), std::move(hops)) {}

  void on_start() override {
    end_held();
    life_.started();
    told();
  }
  void on_share() override {
    life_.shared();
    told();
  }
  void on_cancel() override {
    ++fate().cancelled;
    life_.cancelled();
    told();
  }
  void on_answer(AnswerKind kind, const std::string& text) override {
    life_.answered(kind, text);
    told();
  }
  void on_result(std::shared_ptr<const TaskResult> result) override {
    life_.given(std::move(result), host_.world_.now());
    told();
  }
  void client_left() {
    if (finished_) return;
    fate().left = true;
    life_.client_left(host_.desk_.client_gone(id_, host_.world_.now()));
    told();
  }

  void told() {
    if (std::exchange(performing_, true)) return;
    while (perform(life_.next(host_.world_.now()))) {
    }
    performing_ = false;
  }

 private:
  Fate& fate() { return host_.fates_[place_]; }
  void begin_held() { held_since_ = host_.world_.now(); }
  void end_held() {
    if (!held_since_) return;
    if (host_.world_.now() > *held_since_)
      fate().spans.push_back({SpanKind::held, *held_since_, host_.world_.now()});
    held_since_.reset();
  }

  // False: it waits, or is at its end.
  bool perform(Effect due);

  void submit(const effect::Send& send);

  void finish(const effect::Done& done);

  Host& host_;
  std::size_t place_;
  RequestId id_;
  Dialect dialect_;
  Life life_;
  SimulatedServer* server_ = nullptr;
  std::uint64_t running_ = 0;  // the server's number
  std::optional<Stay> stay_;
  std::optional<Time> held_since_;
  bool performing_ = false;
  bool finished_ = false;
};

}  // namespace tasklane::observe
