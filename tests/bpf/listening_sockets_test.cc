// What the kernel says listens, against sockets of every kind.
#include "userspace/steer/listening_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/bare_agent.h"
#include "tests/support/privilege.h"

namespace tasklane {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

using test::at;
using test::DualStack;
using test::listen_in;

class ListeningSocketsTest : public test::HostTest {
 protected:
  [[nodiscard]] std::set<SocketAddress> found(std::vector<std::uint16_t> ports) const {
    auto listening = host().run([] { return ListeningSockets::open(); }).value();
    std::set<SocketAddress> addresses;
    for (const auto& [address, owner] : listening.on(ports).value()) addresses.insert(address);
    return addresses;
  }
};

TEST_F(ListeningSocketsTest, NothingListensInANewNamespace) { EXPECT_THAT(found({80, 11434}), IsEmpty()); }

TEST_F(ListeningSocketsTest, EveryKindOfBindIsFoundOnThePortsAskedFor) {
  host().add_address("10.1.2.3/32");
  std::vector<UniqueFd> sockets;
  sockets.push_back(listen_in(host(), at("127.0.0.1", 80)));
  sockets.push_back(listen_in(host(), at("10.1.2.3", 80)));
  sockets.push_back(listen_in(host(), at("::1", 80)));
  sockets.push_back(listen_in(host(), at("0.0.0.0", 81)));
  sockets.push_back(listen_in(host(), at("::", 82)));
  sockets.push_back(listen_in(host(), at("::", 83), DualStack::yes));
  sockets.push_back(listen_in(host(), at("::ffff:127.0.0.1", 84), DualStack::yes));
  sockets.push_back(listen_in(host(), at("127.0.0.1", 9999)));
  EXPECT_THAT(found({80, 81, 82, 83, 84}),
              UnorderedElementsAre(at("127.0.0.1", 80), at("10.1.2.3", 80), at("::1", 80), at("0.0.0.0", 81),
                                   at("::", 82), at("::", 83), at("0.0.0.0", 83), at("127.0.0.1", 84)));
}

TEST_F(ListeningSocketsTest, AConnectedOrOnlyBoundSocketDoesNotListen) {
  const UniqueFd listener = listen_in(host(), at("127.0.0.1", 80));
  const auto client = test::Client::connect(host(), at("127.0.0.1", 80), at("127.0.0.1", 81));
  ASSERT_TRUE(client);
  EXPECT_THAT(found({80, 81}), UnorderedElementsAre(at("127.0.0.1", 80)));
}

TEST_F(ListeningSocketsTest, HundredsOfListenersFitNoSingleAnswerAndAreAllFound) {
  std::vector<UniqueFd> sockets;
  std::set<SocketAddress> expected;
  for (int i = 1; i <= 200; ++i) {
    for (const std::string& address : {"127.0.1." + std::to_string(i), "127.0.2." + std::to_string(i)}) {
      sockets.push_back(listen_in(host(), at(address, 80)));
      expected.insert(at(address, 80));
    }
  }
  EXPECT_EQ(found({80}), expected);
}

// Programs written in Go listen with MPTCP by default (since Go 1.24), Ollama among them.
TEST_F(ListeningSocketsTest, AnMptcpListenerIsFound) {
  const UniqueFd socket = host().run([] { return UniqueFd(::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)); });
  if (!socket) GTEST_SKIP() << "this kernel has no MPTCP";
  const KernelAddress name = to_kernel(at("127.0.0.1", 80));
  ASSERT_EQ(::bind(socket.get(), name.get(), name.length), 0);
  ASSERT_EQ(::listen(socket.get(), 8), 0);
  EXPECT_THAT(found({80}), UnorderedElementsAre(at("127.0.0.1", 80)));
}

TEST_F(ListeningSocketsTest, ListingNeedsNoPrivilege) {
  const UniqueFd listener = listen_in(host(), at("127.0.0.1", 80));
  const test::InsideNamespace inside(host());
  const test::OnlyCapabilities none({});
  auto listening = ListeningSockets::open().value();
  EXPECT_EQ(listening.on(std::array<std::uint16_t, 1>{80}).value().size(), 1u);
}

TEST_F(ListeningSocketsTest, TheOwnerOfAListenerIsTold) {
  const UniqueFd listener = listen_in(host(), at("127.0.0.1", 80));
  ASSERT_EQ(::fchown(listener.get(), 4711, static_cast<gid_t>(-1)), 0);
  auto listening = host().run([] { return ListeningSockets::open(); }).value();
  const Listeners found = listening.on(std::array<std::uint16_t, 1>{80}).value();
  EXPECT_EQ(found, (Listeners{{at("127.0.0.1", 80), 4711}}));
}

}  // namespace
}  // namespace tasklane
