// The agent's own connections: which are marked, and that the mark ends with its lease.
#include "userspace/steer/dialer.h"

#include <gtest/gtest.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::ask_who;
using test::at;
using test::BareAgent;
using test::DualStack;
using test::Greeter;
using test::model_port;
using test::who_answers;

class DialerTest : public test::HostTest {
 protected:
  [[nodiscard]] OwnDial local_socket(const BareAgent& agent, IpFamily family) const {
    return host().run([&] { return agent->dialer().local_socket(family); }).value();
  }
};

TEST_F(DialerTest, TheAgentsOwnDialReachesTheModel) {
  const Greeter on_loopback = model("127.0.0.1");
  const Greeter on_loopback6 = model("::1");
  const BareAgent agent(host());
  EXPECT_EQ(who_answers(host(), agent->dialer(), at("127.0.0.1", model_port)), "model");
  EXPECT_EQ(who_answers(host(), agent->dialer(), at("::1", model_port)), "model");
  EXPECT_EQ(agent.counters().passed_own_dial, 2u);
  EXPECT_EQ(agent.counters().steered, 0u);
}

TEST_F(DialerTest, TheAgentsOwnDialReachesAModelAtAnyAddressOfTheHost) {
  host().add_address("10.1.2.3/32");
  host().add_address("fd01::3/128");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  for (const char* address : {"10.1.2.3", "127.9.9.9", "fd01::3", "0.0.0.0"})
    EXPECT_EQ(who_answers(host(), agent->dialer(), at(address, model_port)), "model") << address;
}

TEST_F(DialerTest, TheAgentsOwnDialMayLeaveFromTheAddressThatItGoesTo) {
  host().add_address("10.1.2.3/32");
  host().add_address("fd01::3/128");
  host().ip("route add local 10.9.0.0/16 dev lo");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  for (const char* address : {"10.1.2.3", "fd01::3", "10.9.8.7"}) {
    const SocketAddress there = at(address, model_port);
    OwnDial dial = host().run([&] { return agent->dialer().socket_from(there.address, ""); }).value();
    EXPECT_EQ(local_address_of(dial.socket.get()).value().address, there.address);
    EXPECT_EQ(who_answers(dial, there), "model") << address;
    OwnDial late = host().run([&] { return agent->dialer().socket_from(there.address, ""); }).value();
    late.lease.give_up();
    EXPECT_EQ(who_answers(late, there), "agent") << "it is the port that tells";
  }
}

TEST_F(DialerTest, OnlyAConnectionThatCouldComeBackIsMarked) {
  const test::Namespace other;
  const test::Cable cable = connect(host(), other);
  host().ip("route add local 10.9.0.0/16 dev lo");
  const BareAgent agent(host());
  const auto marked = [&](std::string_view address, std::uint16_t port) {
    return host().run([&] { return agent->dialer().could_be_steered(at(address, port)); }).value();
  };
  EXPECT_TRUE(marked("127.0.0.1", model_port));
  EXPECT_TRUE(marked("127.3.2.1", model_port));
  EXPECT_TRUE(marked("::1", model_port));
  EXPECT_TRUE(marked(cable.first_ipv4, model_port));
  EXPECT_TRUE(marked(cable.first_ipv6, model_port));
  EXPECT_TRUE(marked("10.9.8.7", model_port)) << "no interface has it, but the kernel delivers it here";
  EXPECT_FALSE(marked("127.0.0.1", 11435)) << "nobody steers that port";
  EXPECT_FALSE(marked(cable.second_ipv4, model_port)) << "another host";
  EXPECT_FALSE(marked(cable.second_ipv6, model_port)) << "another host";
  EXPECT_FALSE(marked("192.0.2.1", model_port)) << "no route";
  EXPECT_FALSE(marked("2001:db8::1", model_port)) << "no route";
}

TEST_F(DialerTest, ADialToAnotherHostKeepsTheHostsOwnAddress) {
  const test::Namespace other;
  const test::Cable cable = connect(host(), other);
  const Greeter far(other, at(cable.second_ipv4, model_port), "far");
  const BareAgent agent(host());
  EXPECT_EQ(who_answers(host(), agent->dialer(), at(cable.second_ipv4, model_port)), "far");
}

TEST_F(DialerTest, WithTheLeaseTheMarkEnds) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  OwnDial dial = local_socket(agent, IpFamily::ipv4);
  dial.lease.give_up();
  EXPECT_EQ(who_answers(dial, at("127.0.0.1", model_port)), "agent");
}

TEST_F(DialerTest, ALeaseThatMovesKeepsTheMark) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  OwnDial dial = local_socket(agent, IpFamily::ipv4);
  PortLease moved = std::move(dial.lease);
  dial.lease = std::move(moved);
  EXPECT_EQ(who_answers(dial, at("127.0.0.1", model_port)), "model");
}

TEST_F(DialerTest, APortLeasedTwiceStaysMarkedUntilTheSecondLeaseEnds) {
  std::array<unsigned long long, 1024> words{};
  const auto ports = std::make_shared<OwnPorts>(words);
  PortLease on_ipv4(ports, 65535);
  {
    const PortLease on_ipv6(ports, 65535);
    EXPECT_EQ(words[1023], 1ull << 63);
  }
  EXPECT_EQ(words[1023], 1ull << 63);
  on_ipv4.give_up();
  on_ipv4.give_up();
  EXPECT_EQ(words[1023], 0u);
}

TEST_F(DialerTest, ALeaseMayOutliveTheSteering) {
  const Greeter on_loopback = model("127.0.0.1");
  BareAgent agent(host());
  OwnDial dial = local_socket(agent, IpFamily::ipv4);
  const Dialer dialer = agent->dialer();
  agent.detach();
  EXPECT_EQ(who_answers(dial, at("127.0.0.1", model_port)), "model");
  dial.lease.give_up();
  EXPECT_EQ(who_answers(host(), dialer, at("127.0.0.1", model_port)), "model");
}

TEST_F(DialerTest, WithNoPortLeftTheNextLoopbackAddressServes) {
  const Greeter on_loopback = model("127.0.0.1");
  const BareAgent agent(host());
  host().set_sysctl("ipv4/ip_local_port_range", "40000 40003");
  std::vector<OwnDial> held;
  for (int i = 0; i < 4; ++i) held.push_back(local_socket(agent, IpFamily::ipv4));
  OwnDial fifth = local_socket(agent, IpFamily::ipv4);
  EXPECT_EQ(to_text(local_address_of(fifth.socket.get()).value().address), "127.0.0.2");
  EXPECT_EQ(who_answers(fifth, at("127.0.0.1", model_port)), "model");
}

TEST_F(DialerTest, AConnectionClosedWithoutTimeWaitFreesItsPortAtOnce) {
  const UniqueFd listener = test::listen_in(host(), at("::1", model_port));
  const BareAgent agent(host());
  host().set_sysctl("ipv4/ip_local_port_range", "40000 40000");
  for (int i = 0; i < 3; ++i) {
    auto dial = host().run([&] { return agent->dialer().local_socket(IpFamily::ipv6); });
    ASSERT_TRUE(dial) << dial.error().text();
    const KernelAddress name = to_kernel(at("::1", model_port));
    ::connect(dial->socket.get(), name.get(), name.length);
    const test::Client model_side(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
    close_without_time_wait(dial->socket.get());
    dial->socket.reset();  // the agent closes first, which would leave the port in TIME_WAIT
  }
}

TEST_F(DialerTest, WithoutSteeringSocketsArePlain) {
  const Greeter on_loopback = model("127.0.0.1");
  EXPECT_EQ(who_answers(host(), Dialer(), at("127.0.0.1", model_port)), "model");
}

}  // namespace
}  // namespace tasklane
