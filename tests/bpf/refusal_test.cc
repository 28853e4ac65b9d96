// When steering cannot be had: what the person reads, and that the traffic stays direct.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>

#include "tests/support/bare_agent.h"
#include "tests/support/privilege.h"
#include "userspace/steer/steering.h"

namespace tasklane {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using test::at;
using test::BareAgent;
using test::Greeter;
using test::model_port;
using test::Namespace;

class RefusalTest : public test::HostTest {
 protected:
  // The error of an attempt to steer on the host; empty: it worked.
  [[nodiscard]] Error attempt(std::vector<std::uint16_t> ports = {model_port}) const {
    const test::InsideNamespace inside(host());
    const SteeringListeners listeners = make_steering_listeners().value();
    const auto steering = Steering::attach({.ports = std::move(ports)}, listeners);
    return steering ? Error{} : steering.error();
  }
};

TEST_F(RefusalTest, ASecondAgentForAPortNamesThePortAndTheFirst) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent first(host());
  const Error error = attempt();
  EXPECT_THAT(error.text(), AllOf(HasSubstr("port 11434"), HasSubstr("process " + std::to_string(::getpid())),
                                  HasSubstr("stop")));
  EXPECT_EQ(error.exit, ExitCode::usage);
  EXPECT_EQ(who("127.0.0.1"), "agent") << "the first goes on";
}

TEST_F(RefusalTest, ASecondAgentTakesOverOnceTheFirstIsGone) {
  BareAgent first(host());
  first.detach();
  EXPECT_EQ(attempt().text(), "");
}

TEST_F(RefusalTest, TwoAgentsForTwoPortsShareAHost) {
  const Greeter ollama(host(), at("127.0.0.1", 11434), "ollama");
  const Greeter llama(host(), at("127.0.0.1", 8080), "llama");
  const BareAgent first(host(), {11434});
  const BareAgent second(host(), {8080});
  EXPECT_EQ(who("127.0.0.1", 11434), "agent");
  EXPECT_EQ(who("127.0.0.1", 8080), "agent");
  EXPECT_EQ(first.counters().steered, 1u);
  EXPECT_EQ(second.counters().steered, 1u);
}

TEST_F(RefusalTest, TheSamePortOfAnotherNamespaceIsFree) {
  const BareAgent here(host());
  const Namespace elsewhere;
  const Greeter on_loopback(elsewhere, at("127.0.0.1", model_port), "model");
  const BareAgent there(elsewhere);
  EXPECT_EQ(test::ask_who(elsewhere, at("127.0.0.1", model_port)), "agent");
}

TEST_F(RefusalTest, WithoutPrivilegeTheMissingCapabilitiesAreNamed) {
  const Greeter on_loopback = model("127.0.0.1");
  const test::InsideNamespace inside(host());
  const SteeringListeners listeners = make_steering_listeners().value();
  const auto steering = [&] {
    const test::OnlyCapabilities none({});
    return Steering::attach({.ports = {model_port}}, listeners);
  }();
  ASSERT_FALSE(steering);
  EXPECT_THAT(steering.error().text(), AllOf(HasSubstr("not permitted"), HasSubstr("CAP_BPF, CAP_NET_ADMIN"),
                                             HasSubstr("root"), HasSubstr("\"listen\"")));
  EXPECT_EQ(steering.error().exit, ExitCode::not_permitted);
  EXPECT_EQ(who("127.0.0.1"), "model");
}

TEST_F(RefusalTest, WithOneCapabilityOnlyTheOtherIsNamed) {
  const test::InsideNamespace inside(host());
  const SteeringListeners listeners = make_steering_listeners().value();
  const test::OnlyCapabilities one({CAP_BPF});
  const auto steering = Steering::attach({.ports = {model_port}}, listeners);
  ASSERT_FALSE(steering);
  EXPECT_THAT(steering.error().text(), AllOf(HasSubstr("CAP_NET_ADMIN"), Not(HasSubstr("CAP_BPF"))));
}

TEST_F(RefusalTest, TheTwoNamedCapabilitiesAreEnough) {
  const Greeter on_loopback = model("127.0.0.1");
  const test::InsideNamespace inside(host());
  SteeringListeners listeners = make_steering_listeners().value();
  const auto steering = [&] {
    const test::OnlyCapabilities two({CAP_BPF, CAP_NET_ADMIN});
    auto attached =
        Steering::attach({.ports = {model_port}, .stale_after = BareAgent::never_stale}, listeners);
    if (attached) {
      EXPECT_TRUE((*attached)->refresh());
      (*attached)->heartbeat();
    }
    return attached;
  }();
  ASSERT_TRUE(steering) << steering.error().text();
  const Greeter agent(std::move(listeners.ipv4), "agent");
  EXPECT_EQ(who("127.0.0.1"), "agent");
}

TEST_F(RefusalTest, AKernelWithoutSkLookupIsNamedSo) {
  const Greeter on_loopback = model("127.0.0.1");
  Error error;
  test::where_bpf_fails(BPF_PROG_LOAD, EINVAL, [&] { error = attempt(); });
  EXPECT_THAT(error.text(),
              AllOf(HasSubstr("no sk_lookup"), HasSubstr("Linux 5.9"), HasSubstr("\"listen\"")));
  EXPECT_EQ(error.exit, ExitCode::not_permitted);
  EXPECT_EQ(who("127.0.0.1"), "model");
}

TEST_F(RefusalTest, AKernelWithoutBpfIsNamedSo) {
  Error error;
  test::where_bpf_fails(-1, ENOSYS, [&] { error = attempt(); });
  EXPECT_THAT(error.text(), HasSubstr("no sk_lookup"));
  EXPECT_EQ(error.exit, ExitCode::not_permitted);
}

TEST_F(RefusalTest, ASandboxThatDeniesBpfIsNamedSo) {
  Error error;
  test::where_bpf_fails(-1, EPERM, [&] { error = attempt(); });
  EXPECT_THAT(error.text(), AllOf(HasSubstr("not permitted"), HasSubstr("seccomp")));
  EXPECT_EQ(error.exit, ExitCode::not_permitted);
}

TEST_F(RefusalTest, AFailedAttachmentLeavesTheTrafficDirectAndThePortFree) {
  const Greeter on_loopback = model("127.0.0.1");
  Error error;
  test::where_bpf_fails(BPF_LINK_CREATE, EINVAL, [&] { error = attempt(); });
  EXPECT_EQ(error.exit, ExitCode::not_permitted);
  EXPECT_EQ(who("127.0.0.1"), "model");
  EXPECT_EQ(attempt().text(), "");
}

TEST_F(RefusalTest, PortZeroAndNoPortAreRefused) {
  EXPECT_THAT(attempt({0}).text(), HasSubstr("port 0"));
  EXPECT_THAT(attempt({}).text(), HasSubstr("no port"));
}

TEST_F(RefusalTest, WithoutALoopbackAddressTheRemedyIsNamed) {
  host().ip("address flush dev lo");
  const auto listeners = host().run([] { return make_steering_listeners(); });
  ASSERT_FALSE(listeners);
  EXPECT_THAT(listeners.error().text(), HasSubstr("ip link set lo up"));
}

}  // namespace
}  // namespace tasklane
