// Steering widens nobody's reach: a second host, on a cable to the first, reaches what it reached before.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::ask_who;
using test::at;
using test::BareAgent;
using test::DualStack;
using test::Greeter;
using test::model_port;
using test::Namespace;
using test::who_answers;

class ExposureTest : public test::HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    other_ = std::make_unique<Namespace>();
    cable_ = connect(host(), other());
  }
  [[nodiscard]] const Namespace& other() const { return *other_; }
  [[nodiscard]] SocketAddress host_ipv4() const { return at(cable_.first_ipv4, model_port); }
  [[nodiscard]] SocketAddress host_ipv6() const { return at(cable_.first_ipv6, model_port); }
  [[nodiscard]] std::string over_ipv4() const { return ask_who(other(), host_ipv4()); }
  [[nodiscard]] std::string over_ipv6() const { return ask_who(other(), host_ipv6()); }

  test::Cable cable_;

 private:
  std::unique_ptr<Namespace> other_;
};

TEST_F(ExposureTest, AnotherHostReachesAModelOnTheWildcardThroughTheAgent) {
  const Greeter everywhere = model("::", DualStack::yes);
  EXPECT_EQ(over_ipv4(), "model");
  EXPECT_EQ(over_ipv6(), "model");
  BareAgent agent(host());
  EXPECT_EQ(over_ipv4(), "agent");
  EXPECT_EQ(over_ipv6(), "agent");
  agent.detach();
  EXPECT_EQ(over_ipv4(), "model");
  EXPECT_EQ(over_ipv6(), "model");
}

TEST_F(ExposureTest, AnotherHostIsRefusedByAModelOnLoopbackWithAndWithoutTheAgent) {
  const Greeter on_loopback = model("127.0.0.1");
  const Greeter on_loopback6 = model("::1");
  EXPECT_EQ(over_ipv4(), "refused");
  EXPECT_EQ(over_ipv6(), "refused");
  const BareAgent agent(host());
  EXPECT_EQ(who("127.0.0.1"), "agent");
  EXPECT_EQ(over_ipv4(), "refused");
  EXPECT_EQ(over_ipv6(), "refused");
}

TEST_F(ExposureTest, AnotherHostThatUsesTheSamePortAsAnOwnDialIsSteered) {
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  for (const auto& [to, from] :
       {std::pair(host_ipv4(), cable_.second_ipv4), std::pair(host_ipv6(), cable_.second_ipv6)}) {
    OwnDial dial =
        host().run([&, family = to.address.family] { return agent->dialer().local_socket(family); }).value();
    const std::uint16_t port = local_address_of(dial.socket.get()).value().port;
    EXPECT_EQ(ask_who(other(), to, at(from, port)), "agent");
    EXPECT_EQ(who_answers(dial, to), "model");
  }
  for (const auto& [to, from] :
       {std::pair(host_ipv4(), cable_.second_ipv4), std::pair(host_ipv6(), cable_.second_ipv6)}) {
    OwnDial dial =
        host().run([&, address = to.address] { return agent->dialer().socket_from(address, ""); }).value();
    const std::uint16_t port = local_address_of(dial.socket.get()).value().port;
    EXPECT_EQ(ask_who(other(), to, at(from, port)), "agent");
    EXPECT_EQ(who_answers(dial, to), "model");
  }
}

TEST_F(ExposureTest, AModelBoundToOneInterfaceIsLeftAlone) {
  UniqueFd listener = host().run([] { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  const std::string interface = "cable0";
  ASSERT_EQ(::setsockopt(listener.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(), 7), 0);
  const KernelAddress name = to_kernel(at("0.0.0.0", model_port));
  ASSERT_EQ(::bind(listener.get(), name.get(), name.length), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  const Greeter on_interface(std::move(listener), "model");
  const BareAgent agent(host());
  EXPECT_EQ(over_ipv4(), "model");
  EXPECT_EQ(who("127.0.0.1"), "refused");
}

TEST_F(ExposureTest, AConnectionToALinkLocalAddressPasses) {
  host().add_address("fe80::77/64", "cable0");
  other().add_address("fe80::78/64", "cable0");
  const Greeter everywhere = model("::", DualStack::yes);
  const BareAgent agent(host());
  UniqueFd socket = other().run([] { return UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  KernelAddress name = to_kernel(at("fe80::77", model_port));
  reinterpret_cast<sockaddr_in6*>(name.get())->sin6_scope_id =
      other().run([] { return if_nametoindex("cable0"); });
  ASSERT_EQ(::connect(socket.get(), name.get(), name.length), 0);
  EXPECT_EQ(test::Client(std::move(socket)).await_line(), "model");
}

}  // namespace
}  // namespace tasklane
