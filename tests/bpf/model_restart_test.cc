// A model that restarts gets its port back, whoever is still connected to it through the agent.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/syscall.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::at;
using test::Client;
using test::model_port;

constexpr uid_t model_user = 64321;

// How a server binds its port. Go, Python and Node set SO_REUSEADDR; cpp-httplib, so llama-server,
// SO_REUSEPORT alone.
struct Server {
  const char* what;
  int option;
  uid_t user;
};

void become(uid_t user) { ::syscall(SYS_setresuid, -1, user, -1); }  // this thread alone

UniqueFd start(const Server& server, const SocketAddress& on) {
  become(server.user);
  UniqueFd socket(::socket(to_kernel(on.address.family), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, server.option, &yes, sizeof(yes));
  const KernelAddress name = to_kernel(on);
  const bool up = ::bind(socket.get(), name.get(), name.length) == 0 && ::listen(socket.get(), 8) == 0;
  become(0);
  return up ? std::move(socket) : UniqueFd();
}

UniqueFd accept_one(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  ::poll(&waiting, 1, 10000);
  return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

class ModelRestartTest : public test::HostTest,
                         public testing::WithParamInterface<std::pair<Server, const char*>> {};

TEST_P(ModelRestartTest, WhileAClientIsConnectedAndAfterwards) {
  const auto& [server, address] = GetParam();
  const SocketAddress on = at(address, model_port);
  const SocketAddress to = on.address.is_wildcard() ? at("::1", model_port) : on;
  const test::InsideNamespace inside(host());
  UniqueFd model = start(server, on);
  ASSERT_TRUE(model);
  const SteeringListeners listeners = make_steering_listeners().value();
  const auto steering =
      Steering::attach({.ports = {model_port}, .stale_after = test::BareAgent::never_stale}, listeners)
          .value();
  auto client = Client::connect(host(), to).value();
  const auto& listener = to.address.family == IpFamily::ipv4 ? listeners.ipv4 : listeners.ipv6;
  UniqueFd accepted = accept_one(listener.get());
  ASSERT_TRUE(accepted);
  steering->give_to_model(accepted.get(), original_destination(accepted.get()).value());

  model.reset();
  model = start(server, on);
  EXPECT_TRUE(model) << "while the client is connected";
  accepted.reset();  // the agent closes first: TIME_WAIT is on the model's port
  client.close();
  model.reset();
  EXPECT_TRUE(start(server, on)) << "in TIME_WAIT";
}

INSTANTIATE_TEST_SUITE_P(
    Of, ModelRestartTest,
    testing::Values(std::pair(Server{"ReuseAddressAsRoot", SO_REUSEADDR, 0}, "127.0.0.1"),
                    std::pair(Server{"ReuseAddressAsAnotherUser", SO_REUSEADDR, model_user}, "127.0.0.1"),
                    std::pair(Server{"ReusePortAsRoot", SO_REUSEPORT, 0}, "127.0.0.1"),
                    std::pair(Server{"ReusePortAsAnotherUser", SO_REUSEPORT, model_user}, "127.0.0.1"),
                    std::pair(Server{"ReusePortOnTheWildcard", SO_REUSEPORT, model_user}, "::"),
                    std::pair(Server{"ReuseAddressOnTheWildcard", SO_REUSEADDR, model_user}, "::")),
    [](const auto& instance) { return std::string(instance.param.first.what); });

}  // namespace
}  // namespace tasklane
