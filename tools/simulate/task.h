// A task on simulated servers: its life as the agent leads it, its requests read and answered as the servers'
// dialects have them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shaper/task/driver.h"
#include "tools/modelsim/generation_request.h"
#include "tools/simulate/lanes.h"

namespace tasklane::simulate {

class Task : private TaskDriver::Upstreams {
 public:
  Task(Lanes& lanes, TaskPlan plan, std::vector<Hop> route)
      : lanes_(lanes), driver_(lanes.desk(), *this, lanes.around(), std::move(plan), std::move(route)) {}
  ~Task() override = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  void begin() { driver_.begin(); }
  void client_left() { driver_.client_left(); }
  [[nodiscard]] const Life& life() const { return driver_.life(); }
  [[nodiscard]] bool is_done() const { return driver_.is_done(); }

 protected:
  [[nodiscard]] Time now() const override { return lanes_.world().now(); }
  [[nodiscard]] const ServerKey& asked_at() const { return key_; }

 private:
  // What the model is to do for a request of the task's, with its answer.
  virtual sim::Work work_of(sim::GenerationRequest& request) = 0;
  // The text that it writes.
  [[nodiscard]] virtual std::string content() const = 0;
  // For whoever watches what becomes of a request.
  virtual void on_sent() {}
  virtual void on_launched() {}
  virtual void on_token() {}
  virtual void on_ended(bool /*whole*/) {}

  std::optional<std::string> dial(const Hop& hop) override;
  void send(effect::Send send) override;
  void stop() override;
  void answered(const effect::Send& send, const sim::GenerationRequest& said, const sim::Usage& usage);

  Lanes& lanes_;
  ServerKey key_;
  Server* server_ = nullptr;
  std::uint64_t running_ = 0;  // the server's number
  TaskDriver driver_;
};

// As a model writes it for a class: its object, of this text.
std::string content_of(RequestClass request_class, const std::string& text);

}  // namespace tasklane::simulate
