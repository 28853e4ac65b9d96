// A model that restarts gets its port back, whoever is still connected to it through the agent.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::at;
using test::Client;
using test::model_port;

constexpr uid_t model_user = 64321;

struct Server {
  const char* what;
  int option;
  uid_t user;
};

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
  const test::ServerSocket how{server.option, server.user};
  auto model = test::start_server(host(), on, how);
  ASSERT_TRUE(model);
  const SteeringListeners listeners = make_steering_listeners().value();
  const auto steering =
      Steering::attach({.ports = {model_port}, .stale_after = test::BareAgent::never_stale}, listeners)
          .value();
  steering->heartbeat();
  auto client = Client::connect(host(), to).value();
  const auto& listener = to.address.family == IpFamily::ipv4 ? listeners.ipv4 : listeners.ipv6;
  UniqueFd accepted = accept_one(listener.get());
  ASSERT_TRUE(accepted);
  steering->give_to_model(accepted.get(), original_destination(accepted.get()).value());

  model.reset();
  model = test::start_server(host(), on, how);
  EXPECT_TRUE(model) << "while the client is connected";
  accepted.reset();  // the agent closes first: TIME_WAIT is on the model's port
  client.close();
  model.reset();
  EXPECT_TRUE(test::start_server(host(), on, how)) << "in TIME_WAIT";
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
