// Virtual time for a whole model host: people, front end, lanes and model servers as one discrete event
// simulation. Thousands of hours pass in seconds, and the same seed gives the same hours.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "shaper/base/time.h"
#include "tools/modelsim/engine.h"
#include "tools/simulate/schedule.h"

namespace tasklane::simulate {

class World : public Schedule {
 public:
  // Something with events of its own beside the queue.
  class Part {
   public:
    virtual ~Part() = default;
    [[nodiscard]] virtual std::optional<Time> next() const = 0;
    virtual void advance(Time now) = 0;
  };

  [[nodiscard]] Time now() const override { return now_; }
  void after(Duration delay, std::function<void()> action) override;
  void add(Part& part) { parts_.push_back(&part); }
  void run(Duration how_long);

 private:
  struct Entry {
    Time at;
    std::uint64_t order;  // of two at the same time the earlier asked comes first
    std::function<void()> action;
    bool operator<(const Entry& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  std::priority_queue<Entry> queue_;
  std::vector<Part*> parts_;
  Time now_{};
  std::uint64_t order_ = 0;
};

// A simulated model server in it.
class Server : public World::Part {
 public:
  struct Caller {
    std::function<void()> on_token;
    std::function<void(const sim::Usage&)> on_done;
    std::function<void()> on_launched = {};
  };
  Server(World& world, const sim::EngineOptions& options) : world_(world), engine_(options) {
    world_.add(*this);
  }
  std::uint64_t submit(sim::Work work, std::size_t answer_tokens, Caller caller);
  std::uint64_t submit(sim::Work work, Caller caller);
  void close(std::uint64_t id);
  [[nodiscard]] sim::Flavour flavour() const { return engine_.options().flavour; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint64_t prompt_tokens() const { return engine_.prompt_tokens_computed(); }

  [[nodiscard]] std::optional<Time> next() const override { return engine_.next_event(); }
  void advance(Time now) override;

 private:
  World& world_;
  sim::Engine engine_;
  std::map<std::uint64_t, Caller> callers_;
  std::uint64_t requests_ = 0;
};

}  // namespace tasklane::simulate
