// The steering program in a real kernel: who answers a new connection, the model or the agent?
#include "userspace/steer/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/namespace.h"
#include "tests/support/requirements.h"
#include "tests/support/sockets.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""s;
using test::ask_who;
using test::at;
using test::Client;
using test::DualStack;
using test::Greeter;
using test::Namespace;

constexpr std::uint16_t model_port = 11434;

// An agent reduced to what the steering needs of it: it accepts, and gives a heartbeat when the test says so.
class Agent {
 public:
  explicit Agent(const Namespace& where, SteeringOptions options = {.ports = {model_port}}) {
    // A machine under load may let minutes pass between two steps of a test; staleness has tests of its own.
    if (options.stale_after == SteeringOptions{}.stale_after) options.stale_after = 3600s;
    const test::InsideNamespace inside(where);
    auto listeners = make_steering_listeners().value();
    steering_ = Steering::attach(options, listeners).value();
    ipv4_ = std::make_unique<Greeter>(std::move(listeners.ipv4), "agent");
    if (listeners.ipv6) ipv6_ = std::make_unique<Greeter>(std::move(listeners.ipv6), "agent");
  }

  Steering* operator->() const { return steering_.get(); }
  void refresh() const { ASSERT_TRUE(steering_->refresh().has_value()); }
  [[nodiscard]] SteeringCounters counters() const { return steering_->counters().value(); }
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

class SteeringTest : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    host_ = std::make_unique<Namespace>();
  }
  [[nodiscard]] const Namespace& host() const { return *host_; }

  // What answers a client on the host itself.
  [[nodiscard]] std::string who(std::string_view address, std::uint16_t port = model_port) const {
    return ask_who(host(), at(address, port));
  }
  // What answers the agent's own dial, made as the agent makes it.
  [[nodiscard]] std::string who_answers(const Dialer& dialer, const SocketAddress& to) const {
    auto dial = host().run([&] { return dialer.socket_for(to); }).value();
    return who_answers(std::move(dial), to);
  }
  [[nodiscard]] static std::string who_answers(OwnDial dial, const SocketAddress& to) {
    const KernelAddress name = to_kernel(to);
    ::connect(dial.socket.get(), name.get(), name.length);
    return Client(std::move(dial.socket)).await_line();
  }

 private:
  std::unique_ptr<Namespace> host_;
};

TEST_F(SteeringTest, AConnectionToAModelOnLoopbackReachesTheAgent) {
  const Greeter model(host(), at("127.0.0.1", model_port), "model");
  EXPECT_EQ(who("127.0.0.1"), "model");
  const Agent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(agent.counters().steered, 1u);
}

TEST_F(SteeringTest, AConnectionToAModelOnIpv6LoopbackReachesTheAgent) {
  const Greeter model(host(), at("::1", model_port), "model");
  EXPECT_EQ(who("::1"), "model");
  const Agent agent(host());
  EXPECT_EQ(who("::1"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "refused");
}

TEST_F(SteeringTest, TheAgentLearnsWhereTheClientWantedToGo) {
  host().ip("address add 10.1.2.3/32 dev lo");
  const Greeter model(host(), at("0.0.0.0", model_port), "model");
  const Agent agent(host());
  auto client = Client::connect(host(), at("10.1.2.3", model_port)).value();
  EXPECT_EQ(client.receive_line(), "agent");
  EXPECT_EQ(client.receive_line(), "10.1.2.3:11434");
}

TEST_F(SteeringTest, TheAgentsOwnDialReachesTheModel) {
  const Greeter model(host(), at("127.0.0.1", model_port), "model");
  const Greeter model6(host(), at("::1", model_port), "model");
  const Agent agent(host());
  EXPECT_EQ(who_answers(agent->dialer(), at("127.0.0.1", model_port)), "model");
  EXPECT_EQ(who_answers(agent->dialer(), at("::1", model_port)), "model");
  EXPECT_EQ(agent.counters().passed_own_dial, 2u);
  EXPECT_EQ(agent.counters().steered, 0u);
}

TEST_F(SteeringTest, BypassStopsAndResumesSteeringAtOnce) {
  const Greeter model(host(), at("127.0.0.1", model_port), "model");
  const Agent agent(host());
  agent->bypass(true);
  EXPECT_TRUE(agent->bypassed());
  EXPECT_EQ(who("127.0.0.1"), "model");
  agent->bypass(false);
  EXPECT_FALSE(agent->bypassed());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(agent.counters().passed_bypass, 1u);
}

}  // namespace
}  // namespace tasklane
