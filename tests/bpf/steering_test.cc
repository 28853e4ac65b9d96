// Who answers a new connection on the host itself, the model or the agent?
#include "userspace/steer/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using testing::UnorderedElementsAre;

using test::at;
using test::BareAgent;
using test::Client;
using test::DualStack;
using test::Greeter;
using test::model_port;

class SteeringTest : public test::HostTest {};

TEST_F(SteeringTest, AConnectionToAModelOnLoopbackReachesTheAgent) {
  const Greeter on_loopback = model("127.0.0.1");
  EXPECT_EQ(who("127.0.0.1"), "model");
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(agent.counters().steered, 1u);
}

TEST_F(SteeringTest, AConnectionToAModelOnIpv6LoopbackReachesTheAgent) {
  const Greeter on_loopback = model("::1");
  EXPECT_EQ(who("::1"), "model");
  const BareAgent agent(host());
  EXPECT_EQ(who("::1"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "refused");
}

TEST_F(SteeringTest, AModelOnTheWildcardIsSteeredAtEveryAddress) {
  host().add_address("10.1.2.3/32");
  const Greeter everywhere = model("0.0.0.0");
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(who("127.9.9.9"), "agent");
  EXPECT_EQ(who("10.1.2.3"), "agent");
  EXPECT_EQ(who("::1"), "refused");
}

TEST_F(SteeringTest, AModelOnTheDualStackWildcardIsSteeredInBothFamilies) {
  host().add_address("10.1.2.3/32");
  host().add_address("fd01::3/128");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(who("10.1.2.3"), "agent");
  EXPECT_EQ(who("::1"), "agent");
  EXPECT_EQ(who("fd01::3"), "agent");
}

TEST_F(SteeringTest, AModelOnTheWildcardOfIpv6AloneIsNotSteeredInIpv4) {
  const Greeter everywhere = model("::");
  const BareAgent agent(host());
  EXPECT_EQ(who("::1"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "refused");
}

TEST_F(SteeringTest, AModelOnOneAddressIsSteeredThereAlone) {
  host().add_address("10.1.2.3/32");
  const Greeter on_one = model("10.1.2.3");
  const BareAgent agent(host());
  EXPECT_EQ(who("10.1.2.3"), "agent");
  EXPECT_EQ(who("127.0.0.1"), "refused");
}

TEST_F(SteeringTest, AModelOnAMappedIpv4AddressIsSteeredInIpv4) {
  const Greeter mapped = model("::ffff:127.0.0.1", DualStack::yes);
  const BareAgent agent(host());
  EXPECT_THAT(agent->endpoints(), UnorderedElementsAre(at("127.0.0.1", model_port)));
  EXPECT_EQ(who("127.0.0.1"), "agent");
}

TEST_F(SteeringTest, TheAgentLearnsWhereTheClientWantedToGo) {
  host().add_address("10.1.2.3/32");
  host().add_address("fd01::3/128");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  auto client = Client::connect(host(), at("10.1.2.3", model_port)).value();
  EXPECT_EQ(client.receive_line(), "agent");
  EXPECT_EQ(client.receive_line(), "10.1.2.3:11434");
  EXPECT_EQ(client.receive_line(), to_text(client.near()));
  auto client6 = Client::connect(host(), at("fd01::3", model_port)).value();
  EXPECT_EQ(client6.receive_line(), "agent");
  EXPECT_EQ(client6.receive_line(), "[fd01::3]:11434");
}

TEST_F(SteeringTest, SeveralPortsAreSteeredAndOthersLeftAlone) {
  const Greeter ollama(host(), at("127.0.0.1", 11434), "ollama");
  const Greeter llama(host(), at("127.0.0.1", 8080), "llama");
  const Greeter web(host(), at("127.0.0.1", 80), "web");
  const BareAgent agent(host(), {11434, 8080, 11434});
  EXPECT_EQ(who("127.0.0.1", 11434), "agent");
  EXPECT_EQ(who("127.0.0.1", 8080), "agent");
  EXPECT_EQ(who("127.0.0.1", 80), "web");
  EXPECT_EQ(agent.counters().passed_other, 1u);
}

TEST_F(SteeringTest, WithNoModelTheClientIsRefusedAsEver) {
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "refused");
  EXPECT_EQ(who("::1"), "refused");
  EXPECT_EQ(agent.counters().steered, 0u);
  EXPECT_EQ(agent.counters().passed_other, 2u);
}

TEST_F(SteeringTest, AModelIsFollowedAsItComesAndGoes) {
  const BareAgent agent(host());
  {
    const Greeter first = model("127.0.0.1");
    ASSERT_TRUE(agent->refresh());
    EXPECT_EQ(who("127.0.0.1"), "agent");
  }
  ASSERT_TRUE(agent->refresh());
  EXPECT_EQ(who("127.0.0.1"), "refused");
  const Greeter second = model("0.0.0.0");
  ASSERT_TRUE(agent->refresh());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_THAT(agent->endpoints(), UnorderedElementsAre(at("0.0.0.0", model_port)));
}

TEST_F(SteeringTest, BypassStopsAndResumesSteeringAtOnce) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  agent->bypass(true);
  EXPECT_TRUE(agent->bypassed());
  EXPECT_EQ(who("127.0.0.1"), "model");
  agent->bypass(false);
  EXPECT_FALSE(agent->bypassed());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(agent.counters().passed_bypass, 1u);
}

TEST_F(SteeringTest, WithoutIpv6OnTheHostIpv4IsSteered) {
  host().set_sysctl("ipv6/conf/all/disable_ipv6", "1");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_THAT(agent->endpoints(), UnorderedElementsAre(at("0.0.0.0", model_port)));
}

TEST_F(SteeringTest, AStreamOutlivesAttachingAndDetaching) {
  const UniqueFd listener = test::listen_in(host(), at("127.0.0.1", model_port));
  auto client = Client::connect(host(), at("127.0.0.1", model_port)).value();
  Client server(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
  const auto stream_goes_on = [&](std::string_view word) {
    return server.send(word) && client.receive(word.size()) == word && client.send(word) &&
           server.receive(word.size()) == word;
  };
  ASSERT_TRUE(stream_goes_on("before"));

  BareAgent agent(host());
  auto steered = Client::connect(host(), at("127.0.0.1", model_port)).value();
  EXPECT_EQ(steered.receive_line(), "agent");
  EXPECT_TRUE(stream_goes_on("while attached"));

  agent.detach();
  EXPECT_TRUE(stream_goes_on("after"));
  EXPECT_EQ(steered.receive_line(), "127.0.0.1:11434") << "what the agent has accepted stays with it";
}

TEST_F(SteeringTest, OnceDetachedTheModelAnswersAgain) {
  const Greeter on_loopback = model("127.0.0.1");
  BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  agent.detach();
  EXPECT_EQ(who("127.0.0.1"), "model");
}

TEST_F(SteeringTest, AHungAgentIsPassedBy) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host(), {model_port}, std::chrono::milliseconds(20));
  EXPECT_TRUE(test::eventually([&] { return who("127.0.0.1") == "model"; })) << "no heartbeat, yet steered";
  EXPECT_GE(agent.counters().passed_stale, 1u);
}

TEST_F(SteeringTest, AnAgentThatSuspendsItselfIsPassedByUntilItsNextHeartbeat) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  agent->suspend();
  EXPECT_EQ(who("127.0.0.1"), "model");
  agent->heartbeat();
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(agent.counters().passed_stale, 1u);
}

TEST_F(SteeringTest, AnAgentWhoseListenersAreGoneIsPassedBy) {
  const Greeter everywhere = model("::", DualStack::yes);
  BareAgent agent(host());
  agent.close_listeners();
  EXPECT_EQ(who("127.0.0.1"), "model");
  EXPECT_EQ(who("::1"), "model");
  EXPECT_EQ(agent.counters().passed_no_listener, 2u);
}

}  // namespace
}  // namespace tasklane
