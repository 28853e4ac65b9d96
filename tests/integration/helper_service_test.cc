// The helper as a service of its own, as the package's units have it: an agent that never had a privilege.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using test::at;
using test::Client;
using test::eventually;
using test::HttpModel;
using test::Launch;
using test::models_port;
using testing::HasSubstr;

constexpr uid_t agents_user = 4711;

void without_privilege() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(agents_user, agents_user, agents_user) != 0 ||
      ::setresuid(agents_user, agents_user, agents_user) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    ::_exit(99);
}

// What tasklane-helper.socket says to a service manager.
class AHelperOfAService : public test::OnAHost {
 protected:
  void SetUp() override {
    OnAHost::SetUp();
    if (IsSkipped()) return;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    socket().copy(name.sun_path, sizeof(name.sun_path) - 1);
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    EXPECT_EQ(::chown(socket().c_str(), agents_user, agents_user), 0);
    EXPECT_EQ(::chown(folder_.path().c_str(), agents_user, agents_user), 0);
  }

  [[nodiscard]] std::string socket() const { return folder_.path() / "helper.sock"; }
  [[nodiscard]] std::string control() const { return folder_.path() / "control.sock"; }
  [[nodiscard]] std::string rules(std::string_view text = test::steer_one_port) const {
    return folder_.write("tasklane.json", text);
  }
  // An agent that asks for one.
  [[nodiscard]] std::unique_ptr<test::Process> agent_by(const std::string& config) const {
    return std::make_unique<test::Process>(Launch{.command = {test::program("tasklaned"), "--config", config,
                                                              "--control", control(), "--helper", socket()},
                                                  .where = &host(),
                                                  .before = without_privilege});
  }
  // And who is started for it.
  std::unique_ptr<test::Process> helper_by(
      const std::string& config, const std::function<void()>& besides = [] {}) {
    return helper_in(host(), config, besides);
  }
  std::unique_ptr<test::Process> helper_in(
      const test::Namespace& where, const std::string& config, const std::function<void()>& besides = [] {}) {
    pollfd asked{listener_.get(), POLLIN, 0};
    if (::poll(&asked, 1, 10'000) != 1) return nullptr;
    const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int end = connection.get();
    return std::make_unique<test::Process>(
        Launch{.command = {test::program("tasklaned"), "--as-helper", "--config", config, "--user",
                           std::to_string(agents_user)},
               .where = &where,
               .before = [end, besides] {
                 ::dup2(end, STDIN_FILENO);
                 besides();
               }});
  }

 private:
  test::TemporaryFolder folder_;
  UniqueFd listener_;
};

TEST_F(AHelperOfAService, LetsAnAgentSteerThatNeverHadAPrivilege) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  const auto agent = agent_by(rules());
  const auto helper = helper_by(rules());
  ASSERT_TRUE(helper && agent->wait_for_output("steering port")) << agent->err();
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
  agent->signal(SIGTERM);
  EXPECT_EQ(agent->wait(), 0) << agent->err();
  EXPECT_EQ(helper->wait(), 0) << "it ends with its agent";
  EXPECT_EQ(asked(), "directly");
}

TEST_F(AHelperOfAService, EndsWithAnAgentThatIsKilled) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  const auto agent = agent_by(rules());
  const auto helper = helper_by(rules());
  ASSERT_TRUE(helper && agent->wait_for_output("steering port")) << agent->err();
  agent->signal(SIGKILL);
  EXPECT_EQ(helper->wait(), 0);
  EXPECT_EQ(asked(), "directly");
}

TEST_F(AHelperOfAService, TakesItsAgentWithItWhenItIsKilled) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  const auto agent = agent_by(rules());
  const auto helper = helper_by(rules());
  ASSERT_TRUE(helper && agent->wait_for_output("steering port")) << agent->err();
  helper->signal(SIGKILL);
  EXPECT_EQ(agent->wait(), 1) << "so that the service manager starts it again";
  EXPECT_EQ(asked(), "directly");
}

TEST_F(AHelperOfAService, IsEndedWhereItHangs) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  const auto agent = agent_by(rules());
  const auto helper = helper_by(rules());
  ASSERT_TRUE(helper && agent->wait_for_output("steering port")) << agent->err();
  const Client connected = Client::connect(host(), at("127.0.0.1", models_port)).value();
  helper->signal(SIGSTOP);
  EXPECT_EQ(agent->wait(), 1);
  EXPECT_EQ(helper->wait(), 128 + SIGKILL);
}

TEST_F(AHelperOfAService, RefusesAnAgentOfOtherRulesThanItReadsItself) {
  const auto agent = agent_by(rules(R"({"version": 1, "intercept": [{"port": 22}]})"));
  const test::TemporaryFolder folder;
  const auto helper = helper_by(folder.write("tasklane.json", test::steer_one_port));
  ASSERT_TRUE(helper);
  EXPECT_EQ(agent->wait(), 2);
  EXPECT_THAT(agent->err(), HasSubstr("the agent steers 22, its helper 11434"));
}

// What is steered there would never reach the agent's listeners.
TEST_F(AHelperOfAService, RefusesAnAgentOfAnotherNetworkNamespace) {
  const test::Namespace elsewhere;
  const auto agent = agent_by(rules());
  const auto helper = helper_in(elsewhere, rules());
  ASSERT_TRUE(helper);
  EXPECT_EQ(agent->wait(), 2);
  EXPECT_THAT(agent->err(), HasSubstr("the agent is in another network namespace than its helper"));
}

// As the unit has it, which allows no other namespace.
TEST_F(AHelperOfAService, SaysToTheAgentWhatItIsNotPermitted) {
  const std::string elsewhere =
      rules(R"({"version": 1, "netns": "of-listener:11434", "intercept": [{"port": 11434}]})");
  const auto agent = agent_by(elsewhere);
  const auto helper = helper_by(elsewhere, without_privilege);
  ASSERT_TRUE(helper);
  EXPECT_EQ(agent->wait(), 3);
  EXPECT_THAT(agent->err(), HasSubstr("cannot enter the network namespace 'of-listener:11434'"));
}

TEST_F(AHelperOfAService, ThatIsNotThereKeepsTheAgentFromStartingAndIsNamed) {
  const test::Finished agent = test::run_to_end(
      {.command = {test::program("tasklaned"), "--control", control(), "--helper", "/run/no.sock"},
       .where = &host()});
  EXPECT_EQ(agent.status, 1) << "it may be there soon";
  EXPECT_THAT(agent.err, HasSubstr("/run/no.sock: cannot connect"));
}

}  // namespace
}  // namespace tasklane
