// Models and clients in containers, without a container engine: namespaces, a bridge, translated ports and a
// proxy, as Docker makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::eventually;
using test::how_answered;
using test::HttpModel;
using test::models_port;
using test::Namespace;

// The bridge that a container engine makes on a host, with its own address, and forwarding.
class Bridge {
 public:
  explicit Bridge(const Namespace& host) : host_(host) {
    host.ip("link add bridge0 type bridge");
    host.ip("link set bridge0 up");
    host.add_address(address() + "/24", "bridge0");
    host.set_sysctl("ipv4/ip_forward", "1");
  }
  [[nodiscard]] static std::string address() { return "172.30.0.1"; }
  // The address that the container has there from now on.
  [[nodiscard]] std::string plug_in(const Namespace& container) {
    const std::string number = std::to_string(++plugged_ + 1);
    host_.ip("link add port" + number + " type veth peer name eth0 netns " + container.name());
    host_.ip("link set port" + number + " master bridge0 up");
    container.ip("link set eth0 up");
    container.add_address("172.30.0." + number + "/24", "eth0");
    container.ip("route add default via " + address());
    return "172.30.0." + number;
  }

 private:
  const Namespace& host_;
  int plugged_ = 0;
};

// docker-proxy, as far as it matters: who asks it is answered by somebody else.
class ProxyOnTheHost {
 public:
  ProxyOnTheHost(const Namespace& host, const SocketAddress& on, const SocketAddress& to)
      : host_(host), to_(to), listener_(test::listen_in(host, on)), thread_([this] { serve(); }) {}
  ~ProxyOnTheHost() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve() {
    for (;;) {
      const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      if (!client) return;
      std::array<char, 4096> part{};
      const ssize_t asked = ::recv(client.get(), part.data(), part.size(), 0);
      auto model = test::Client::connect(host_, to_);
      if (!model || asked <= 0) continue;
      model->send({part.data(), static_cast<std::size_t>(asked)});
      const std::string answer = model->receive_all();
      ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  const Namespace& host_;
  const SocketAddress to_;
  const UniqueFd listener_;
  std::thread thread_;
};

class ContainerNetwork : public test::OnAHost {
 protected:
  // An agent on the host that steers in the container.
  [[nodiscard]] AgentProcess agent_in(const Namespace& container) const {
    return AgentProcess(
        host(), R"({"version": 1, "intercept": [{"port": 11434}], "netns": ")" + container.name() + R"("})");
  }
};

// Open WebUI and the model in containers of their own, plugged into one bridge.
TEST_F(ContainerNetwork, AClientInAnotherContainerIsSteered) {
  const Namespace inside;
  const Namespace front_end;
  Bridge bridge(host());
  const std::string address = bridge.plug_in(inside);
  (void)bridge.plug_in(front_end);
  const HttpModel model(inside, at("0.0.0.0", models_port));
  AgentProcess agent = agent_in(inside);
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(how_answered(front_end, at(address, models_port)), "through the agent");
  EXPECT_EQ(how_answered(host(), at(address, models_port)), "through the agent");
  agent->signal(SIGKILL);
  EXPECT_EQ(agent->wait(), 128 + SIGKILL);
  EXPECT_EQ(how_answered(front_end, at(address, models_port)), "directly");
}

TEST_F(ContainerNetwork, AClientInAContainerAsksTheHostsModelThroughTheAgent) {
  const Namespace front_end;
  Bridge bridge(host());
  (void)bridge.plug_in(front_end);
  const HttpModel model(host(), at("0.0.0.0", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(how_answered(front_end, at(Bridge::address(), models_port)), "through the agent");
}

// A port that is published by a rule of the packet filter, as Docker does, never reaches a socket of the
// host: an agent that steers there does not see it.
TEST_F(ContainerNetwork, APublishedPortIsSteeredBehindItsTranslation) {
  if (test::run_to_end({.command = {"sh", "-c", "command -v nft"}}).status != 0)
    GTEST_SKIP() << "nft is not installed here";
  const Namespace inside;
  const Namespace elsewhere;
  Bridge bridge(host());
  const std::string to = bridge.plug_in(inside) + ":" + std::to_string(models_port);
  const test::Cable network = test::connect(host(), elsewhere);
  std::string rules = "add table ip t;";
  for (const std::string hook : {"prerouting", "output"})
    rules += "add chain ip t " + hook + " { type nat hook " + hook + " priority -100; }; add rule ip t " +
             hook + " tcp dport " + std::to_string(models_port) + " dnat to " + to + ";";
  ASSERT_EQ(test::run_to_end({.command = {"nft", rules}, .where = &host()}).status, 0);
  const HttpModel model(inside, at("0.0.0.0", models_port));
  const auto published = at(network.first_ipv4, models_port);
  AgentProcess beside(host());
  ASSERT_TRUE(beside.steers()) << beside->err();
  EXPECT_EQ(how_answered(elsewhere, published), "directly");
  AgentProcess agent = agent_in(inside);
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(how_answered(elsewhere, published), "through the agent");
  EXPECT_EQ(how_answered(host(), published), "through the agent");
  agent->signal(SIGKILL);
  EXPECT_EQ(agent->wait(), 128 + SIGKILL);
  EXPECT_EQ(how_answered(elsewhere, published), "directly");
}

// Whoever asks docker-proxy is asked for by a connection from the host, and that is steered in the container.
TEST_F(ContainerNetwork, WhatAProxyOnTheHostAsksIsSteeredInTheContainer) {
  const Namespace inside;
  Bridge bridge(host());
  const auto to = at(bridge.plug_in(inside), models_port);
  const HttpModel model(inside, at("0.0.0.0", models_port));
  const ProxyOnTheHost proxy(host(), at("0.0.0.0", 8080), to);
  AgentProcess agent = agent_in(inside);
  ASSERT_TRUE(agent.steers()) << agent->err();
  auto client = test::Client::connect(host(), at("127.0.0.1", 8080));
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->send("GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n"));
  EXPECT_THAT(client->receive_all(), testing::StartsWith("HTTP/1.1 200 "));
  const auto steered = [&] {
    const test::Finished stats = test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "stats", "--json"}});
    return nlohmann::json::parse(stats.out)["steering"]["connections"]["steered"] == 1;
  };
  EXPECT_TRUE(eventually(steered)) << agent->err();
}

}  // namespace
}  // namespace tasklane
