// The helper as a service of its own: it attaches the steering program for an agent that has no privilege at
// all, and keeps what that must not have.
#pragma once

#include <string>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"
#include "userspace/agent/agent.h"
#include "userspace/steer/steering.h"

namespace tasklane {

// The configuration with what the command line says instead.
Result<Config> config_by(const AgentOptions& options);

SteeringOptions steering_options(const Config& config);

// What agent and helper must agree on, for their messages: "11434 8080 in container:ollama".
std::string steering_wish(const Config& config);

// Whether the namespace that the configuration names can be entered, as far as that is known before it is
// there.
Result<void> find_place(const Config& config);

// Serves the agent at the other end of standard input until it has gone, and reads the configuration itself:
// an agent that somebody has taken over cannot ask for other ports, or another namespace. What it does not
// get to do it tells the agent. To be called while there is one thread.
ExitCode serve_as_helper(const AgentOptions& options);

}  // namespace tasklane
