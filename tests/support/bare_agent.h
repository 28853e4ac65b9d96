// An agent reduced to what the steering needs of one: it accepts, says "agent", and gives a heartbeat when
// told to.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/namespace.h"
#include "tests/support/requirements.h"
#include "tests/support/sockets.h"
#include "userspace/steer/steering.h"

namespace tasklane::test {

inline constexpr std::uint16_t model_port = 11434;

class BareAgent {
 public:
  // A machine under load may let seconds pass between two steps of a test, so nothing is stale unless a test
  // asks.
  static constexpr std::chrono::hours never_stale{1000};

  explicit BareAgent(const Namespace& where, std::vector<std::uint16_t> ports = {model_port},
                     Duration stale_after = never_stale) {
    const InsideNamespace inside(where);
    SteeringListeners listeners = make_steering_listeners().value();
    steering_ = Steering::attach({.ports = std::move(ports), .stale_after = stale_after}, listeners).value();
    steering_->heartbeat();  // it serves
    if (listeners.ipv4) ipv4_ = std::make_unique<Greeter>(std::move(listeners.ipv4), "agent");
    if (listeners.ipv6) ipv6_ = std::make_unique<Greeter>(std::move(listeners.ipv6), "agent");
  }

  Steering* operator->() const { return steering_.get(); }
  [[nodiscard]] SteeringCounters counters() const { return steering_->counters(); }
  void close_listeners() {
    ipv4_.reset();
    ipv6_.reset();
  }
  void detach() { steering_.reset(); }

 private:
  std::unique_ptr<Steering> steering_;
  std::unique_ptr<Greeter> ipv4_;
  std::unique_ptr<Greeter> ipv6_;
};

// A host of one's own, on which models listen and an agent may steer.
class HostTest : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    host_ = std::make_unique<Namespace>();
  }

  [[nodiscard]] const Namespace& host() const { return *host_; }

  // A model on the host at `address`.
  [[nodiscard]] Greeter model(std::string_view address, DualStack dual_stack = DualStack::no) const {
    return Greeter(host(), at(address, model_port), "model", dual_stack);
  }
  // What answers a client on the host.
  [[nodiscard]] std::string who(std::string_view address, std::uint16_t port = model_port) const {
    return ask_who(host(), at(address, port));
  }

 private:
  std::unique_ptr<Namespace> host_;
};

// What answers a dial made as the agent makes it.
inline std::string who_answers(OwnDial& dial, const SocketAddress& to) {
  const KernelAddress name = to_kernel(to);
  ::connect(dial.socket.get(), name.get(), name.length);
  return Client(std::move(dial.socket)).await_line();
}

inline std::string who_answers(const Namespace& where, const Dialer& dialer, const SocketAddress& to) {
  OwnDial dial = where.run([&] { return dialer.socket_for(to); }).value();
  return who_answers(dial, to);
}

}  // namespace tasklane::test
