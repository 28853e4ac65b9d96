// The whole agent in a namespace: who serves a new connection while it runs, hangs, dies or cannot start?
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include "tests/support/agent.h"
#include "tests/support/http_model.h"
#include "tests/support/on_a_host.h"
#include "tests/support/privilege.h"

namespace tasklane {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using std::chrono_literals::operator""s;
using test::AgentProcess;
using test::at;
using test::Client;
using test::DualStack;
using test::eventually;
using test::how_answered;
using test::HttpModel;
using test::Launch;
using test::models_port;
using test::Namespace;

class SteeringAgentTest : public test::OnAHost {};

TEST_F(SteeringAgentTest, AClientIsServedThroughTheAgentInBothFamilies) {
  const HttpModel model(host(), at("::", models_port), DualStack::yes);
  EXPECT_EQ(asked(), "directly");
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked("127.0.0.1"), "through the agent");
  EXPECT_EQ(asked("::1"), "through the agent");
}

TEST_F(SteeringAgentTest, TheAgentEntersTheNamespaceThatItIsTold) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{}, test::steer_one_port, {"--netns", host().name()});
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked(), "through the agent");
}

TEST_F(SteeringAgentTest, AnUnknownNamespaceEndsIt) {
  AgentProcess agent(Launch{}, test::steer_one_port, {"--netns", "no-such-namespace"});
  EXPECT_EQ(agent->wait(), 2);
  EXPECT_THAT(agent->err(), AllOf(HasSubstr("'no-such-namespace'"), HasSubstr(host().name())));
}

TEST_F(SteeringAgentTest, OnceTheAgentIsKilledTheVeryNextConnectionReachesTheModel) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked(), "through the agent");
  agent->signal(SIGKILL);
  EXPECT_EQ(agent->wait(), 128 + SIGKILL);
  EXPECT_EQ(asked(), "directly");
}

TEST_F(SteeringAgentTest, AStoppedAgentIsPassedByAndServesAgainWhenItGoesOn) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  agent->signal(SIGSTOP);
  std::this_thread::sleep_for(3s);  // longer than an agent may be silent (2 s)
  EXPECT_EQ(asked(), "directly");
  agent->signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
}

TEST_F(SteeringAgentTest, WhoConnectedToAStoppedAgentIsServedWhenItGoesOn) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  agent->signal(SIGSTOP);
  auto client = Client::connect(host(), at("127.0.0.1", models_port));
  agent->signal(SIGCONT);
  ASSERT_TRUE(client);
  EXPECT_EQ(how_answered(*client), "through the agent");
}

TEST_F(SteeringAgentTest, AnAgentToldToEndLeavesTheModelToItsClients) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  agent->signal(SIGTERM);
  EXPECT_EQ(agent->wait(), 0);
  EXPECT_EQ(asked(), "directly");
}

// A chat through the agent, in the middle of its answer.
struct AnswerUnderWay {
  explicit AnswerUnderWay(const Namespace& host, const UniqueFd& listener)
      : client(Client::connect(host, at("127.0.0.1", models_port)).value()) {
    client.send("POST /api/chat HTTP/1.1\r\nHost: model\r\nContent-Length: 2\r\n\r\n{}");
    model.emplace(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
    while (model->receive_line() != "\r") continue;
    model->receive(2);
    const std::string_view beginning = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello";
    model->send(beginning);
    begun = client.receive(beginning.size());
  }
  Client client;
  std::optional<Client> model;
  std::string begun;
};

// Whether a new connection is the model's own again, soon.
bool passes_soon(const Namespace& host, const UniqueFd& listener) {
  ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  return eventually([&] {
    const auto next = Client::connect(host, at("127.0.0.1", models_port));
    sockaddr_in peer{};
    socklen_t length = sizeof(peer);
    const UniqueFd taken(::accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &length));
    return next && taken && ntohs(peer.sin_port) == next->near().port;
  });
}

TEST_F(SteeringAgentTest, AnAgentToldToEndFinishesTheAnswersThatAreOnTheirWay) {
  const UniqueFd listener = test::listen_in(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  AnswerUnderWay chat(host(), listener);
  ASSERT_THAT(chat.begun, HasSubstr("hello"));
  agent->signal(SIGTERM);
  EXPECT_TRUE(passes_soon(host(), listener));
  chat.model->send(" world");
  EXPECT_EQ(chat.client.receive(6), " world");
  EXPECT_EQ(chat.client.receive_all(), "") << "the connection is closed behind the answer";
  EXPECT_EQ(agent->wait(), 0);
}

TEST_F(SteeringAgentTest, AnAgentToldToEndTwiceEndsAtOnce) {
  const UniqueFd listener = test::listen_in(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  AnswerUnderWay chat(host(), listener);
  agent->signal(SIGTERM);
  ASSERT_TRUE(passes_soon(host(), listener));
  EXPECT_TRUE(agent->running()) << "the answer is still on its way";
  agent->signal(SIGTERM);
  EXPECT_EQ(agent->wait(), 0);
}

TEST_F(SteeringAgentTest, AStreamFromBeforeOutlivesTheAgent) {
  const UniqueFd listener = test::listen_in(host(), at("127.0.0.1", models_port));
  auto client = Client::connect(host(), at("127.0.0.1", models_port)).value();
  Client model_side(UniqueFd(::accept(listener.get(), nullptr, nullptr)));
  const auto stream_goes_on = [&](std::string_view word) {
    return model_side.send(word) && client.receive(word.size()) == word && client.send(word) &&
           model_side.receive(word.size()) == word;
  };
  ASSERT_TRUE(stream_goes_on("before"));
  for (const int end : {SIGTERM, SIGKILL}) {
    AgentProcess agent(host());
    ASSERT_TRUE(agent.steers()) << agent->err();
    EXPECT_TRUE(stream_goes_on("while it runs"));
    agent->signal(end);
    agent->wait();
    EXPECT_TRUE(stream_goes_on("afterwards"));
  }
}

TEST_F(SteeringAgentTest, AnotherHostReachesWhatItReachedBefore) {
  const Namespace other;
  const test::Cable cable = connect(host(), other);
  const auto from_other = [&](std::string_view address) {
    return how_answered(other, at(address, models_port));
  };
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  {
    const HttpModel on_loopback(host(), at("127.0.0.1", models_port));
    EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
    EXPECT_EQ(from_other(cable.first_ipv4), "refused");
  }
  const HttpModel everywhere(host(), at("::", models_port), DualStack::yes);
  EXPECT_TRUE(eventually([&] { return from_other(cable.first_ipv4) == "through the agent"; }));
  EXPECT_EQ(from_other(cable.first_ipv6), "through the agent");
}

TEST_F(SteeringAgentTest, AModelIsFollowedAsItComesAndGoes) {
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked(), "refused");
  for (int times = 0; times < 2; ++times) {
    {
      const HttpModel model(host(), at("127.0.0.1", models_port));
      EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
    }
    EXPECT_TRUE(eventually([&] { return asked() == "refused"; }));
  }
}

// llama-server's way to bind, as a user of its own.
TEST_F(SteeringAgentTest, AModelRestartsWhileAClientStaysConnected) {
  const test::ServerSocket how{SO_REUSEPORT, 64321};
  auto model = test::start_server(host(), at("127.0.0.1", models_port), how);
  ASSERT_TRUE(model);
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const auto client = Client::connect(host(), at("127.0.0.1", models_port));
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually([&] {  // the agent has taken the connection, and given it to the model
    const auto stats = test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "stats", "--json"}});
    return stats.out.find("\"open_connections\":1") != std::string::npos ||
           stats.out.find("\"open_connections\": 1") != std::string::npos;
  }));
  EXPECT_TRUE(eventually([&] {
    model.reset();
    model = test::start_server(host(), at("127.0.0.1", models_port), how);
    return model.has_value();
  }));
}

TEST_F(SteeringAgentTest, BypassStopsAndResumesSteeringAtOnce) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const auto bypass = [&](const char* wish) {
    return test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "bypass", wish}});
  };
  EXPECT_EQ(bypass("on").status, 0);
  EXPECT_EQ(asked(), "directly");
  EXPECT_EQ(bypass("off").status, 0);
  EXPECT_EQ(asked(), "through the agent");
}

// Its clock differs from the kernel's: its heartbeat says nothing about its health.
TEST_F(SteeringAgentTest, AnAgentInAnotherTimeNamespaceIsPassedBy) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{
      .command = {"unshare", "--time", "--monotonic", "100000", "--fork", "--kill-child"}, .where = &host()});
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked(), "directly");
}

TEST_F(SteeringAgentTest, ASecondAgentForThePortRefusesToStart) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess first(host());
  ASSERT_TRUE(first.steers()) << first->err();
  AgentProcess second(host());
  EXPECT_EQ(second->wait(), 2);
  EXPECT_THAT(second->err(), AllOf(HasSubstr("port 11434"),
                                   HasSubstr("process " + std::to_string(first->pid())), HasSubstr("stop")));
  EXPECT_EQ(asked(), "through the agent") << "the first goes on";
}

TEST_F(SteeringAgentTest, ABrokenConfigurationKeepsItFromStartingAndTheTrafficDirect) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host(), R"({"version": 1, "intercept": [{"port": 11434}], "rulez": []})");
  EXPECT_EQ(agent->wait(), 2);
  EXPECT_THAT(agent->err(), HasSubstr("rulez"));
  EXPECT_EQ(asked(), "directly");
}

TEST_F(SteeringAgentTest, ABrokenReloadKeepsTheRunningConfiguration) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  agent.rewrite_config(R"({"version": 1, "intercept": [{"port": 11434}], "rulez": []})");
  agent->signal(SIGHUP);
  EXPECT_TRUE(agent->wait_for_output("rulez")) << agent->err();
  EXPECT_TRUE(agent->running());
  EXPECT_EQ(asked(), "through the agent");
}

TEST_F(SteeringAgentTest, WithoutPrivilegeItSaysWhatIsMissingAndTheTrafficIsDirect) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(
      Launch{.command = {"setpriv", "--inh-caps=-all", "--bounding-set=-all"}, .where = &host()});
  EXPECT_EQ(agent->wait(), 3);
  EXPECT_THAT(agent->err(), AllOf(HasSubstr("CAP_BPF, CAP_NET_ADMIN"), HasSubstr("\"listen\"")));
  EXPECT_EQ(asked(), "directly");
}

TEST_F(SteeringAgentTest, OnAKernelWithoutSkLookupItSaysSoAndTheTrafficIsDirect) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(
      Launch{.command = {}, .where = &host(), .before = [] { test::make_bpf_fail(BPF_PROG_LOAD, EINVAL); }});
  EXPECT_EQ(agent->wait(), 3);
  EXPECT_THAT(agent->err(), AllOf(HasSubstr("no sk_lookup"), HasSubstr("Linux 5.9")));
  EXPECT_EQ(asked(), "directly");
}

}  // namespace
}  // namespace tasklane
