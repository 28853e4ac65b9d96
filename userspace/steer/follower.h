// Steering in a network namespace that is not the agent's own, and wherever that goes: what takes privilege
// of it, done by the helper. A namespace that has gone is left; one that has come is entered, given
// listeners, and steered once whoever accepts on those has them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/namespace_finder.h"
#include "userspace/steer/port_lock.h"
#include "userspace/steer/steered_endpoints.h"
#include "userspace/steer/steering_listeners.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

class Follower {
 public:
  // `program`, `listeners`: of the steering program. Made in the namespace to which it returns.
  Follower(NamespaceWish wish, UniqueFd program, UniqueFd listeners, std::vector<std::uint16_t> ports,
           UniqueFd home)
      : finder_(std::move(wish)),
        program_(std::move(program)),
        listeners_map_(std::move(listeners)),
        ports_(std::move(ports)),
        home_(std::move(home)) {}

  enum class Step { none, left, entered, attached };
  // One step at most, several times a second. Error: what could not be done; it is tried again. After
  // `entered` the listeners are to be handed on and dropped here, after `attached` the link; or forget().
  Result<Step> step(SteeredEndpoints& endpoints);
  SteeringListeners take_listeners() { return std::move(listeners_); }
  UniqueFd take_link() { return std::move(link_); }
  // Begins anew with the next step.
  void forget(SteeredEndpoints& endpoints);

  // "container:ollama (process 4711)", for a person.
  [[nodiscard]] std::string where() const;
  // A TCP socket of the namespace, non-blocking. Error: there is none now.
  [[nodiscard]] Result<UniqueFd> socket(IpFamily family) const;
  // What it takes beside what steering takes.
  [[nodiscard]] std::vector<int> capabilities() const;
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  enum class State { outside, entered, attached };
  Result<Step> enter(FoundNamespace found, SteeredEndpoints& endpoints);
  Result<void> prepare(SteeredEndpoints& endpoints);
  template <class Work>
  Result<void> inside(const Work& work) const;
  Result<Step> attach();
  Result<void> put(std::uint32_t slot, const UniqueFd& listener) const;
  [[nodiscard]] bool serves(const EndpointView& view) const;

  NamespaceFinder finder_;
  UniqueFd program_;
  UniqueFd listeners_map_;
  std::vector<std::uint16_t> ports_;
  UniqueFd home_;
  State state_ = State::outside;
  FoundNamespace there_;  // outside: none
  std::vector<PortLock> locks_;
  SteeringListeners listeners_;
  UniqueFd link_;
};

}  // namespace tasklane
