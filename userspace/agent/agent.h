// The agent: configuration, steering, relay and control put together, from start to a clean end.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "shaper/base/result.h"

namespace tasklane {

struct AgentOptions {
  std::optional<std::filesystem::path> config;  // none: usual_config()
  std::optional<std::string> netns;             // instead of the configuration's (NamespaceWish)
  std::optional<std::string> control_socket;    // instead of the configuration's
  std::optional<std::string> user;              // whom it becomes; none: account_of()'s choice
  std::optional<int> ready_descriptor;          // told when it works, and closed
  std::optional<std::string> helper;            // the socket of a helper that is started there; none: its own
};

class Agent {
 public:
  // Everything that can fail happens here, before the first connection is steered: after an error the traffic
  // is as direct as before. At its end the process has no privilege left; what still takes some is done by a
  // helper process.
  static Result<std::unique_ptr<Agent>> start(const AgentOptions& options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Serves until SIGTERM or SIGINT, or its helper's end (which is an error); SIGHUP reads the configuration
  // again.
  ExitCode run();

 private:
  struct Parts;
  explicit Agent(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tasklane
