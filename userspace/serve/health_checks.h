// Asks the upstreams of one's own machines, rarely, whether they are there: shaper/server/check_up.h says
// when and what the answer means, shaper/decide/asked_after.h whom. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "shaper/server/check_up.h"
#include "userspace/serve/relay_context.h"

namespace tasklane {

class HealthChecks {
 public:
  // What does not answer within `longest_answer` is silent.
  explicit HealthChecks(RelayContext& context, Duration longest_answer = std::chrono::seconds(2))
      : context_(context), longest_answer_(longest_answer) {}

  // Asks whoever is due. Called about once a second.
  void sweep(Time at);

 private:
  void use_configuration();
  Awaitable<void> ask(std::string name, std::shared_ptr<CheckUp> check);

  RelayContext& context_;
  Duration longest_answer_;
  std::shared_ptr<const Config> config_;  // of which `checks_` are
  std::map<std::string, std::shared_ptr<CheckUp>> checks_;
};

}  // namespace tasklane
