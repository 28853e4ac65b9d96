// What an agent may do once it steers: nothing that its helper does not do for it; and what becomes of
// traffic when the helper fails.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "tests/support/agent.h"
#include "tests/support/authority.h"
#include "tests/support/on_a_host.h"
#include "tests/support/temporary_folder.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::Client;
using test::eventually;
using test::how_answered;
using test::HttpModel;
using test::Launch;
using test::models_port;
using test::Namespace;
using testing::HasSubstr;

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// A line of proc(5)'s status: "Uid" gives "65534 65534 65534 65534".
std::string status_of(pid_t process, const std::string& field) {
  std::istringstream lines(text_of("/proc/" + std::to_string(process) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(field + ":")) continue;
    std::istringstream words(line.substr(field.size() + 1));
    std::string all;
    for (std::string word; words >> word;) all += (all.empty() ? "" : " ") + word;
    return all;
  }
  return "";
}

pid_t helper_of(AgentProcess& agent) {
  const std::string pid = std::to_string(agent->pid());
  pid_t child = 0;
  std::istringstream(text_of("/proc/" + pid + "/task/" + pid + "/children")) >> child;
  return child;
}

class AnAgentsPrivilege : public test::OnAHost {};

TEST_F(AnAgentsPrivilege, IsGoneOnceItSteers) {
  NOT_UNDER_SANITIZERS("their runtime looks for leaks from a process of its own");
  AgentProcess agent(Launch{.command = {}, .where = &host()}, test::steer_one_port, {"--user", "4711"});
  ASSERT_TRUE(agent.steers()) << agent->err();
  const pid_t helper = helper_of(agent);
  ASSERT_GT(helper, 0);
  EXPECT_EQ(status_of(agent->pid(), "Uid"), "4711 4711 4711 4711");
  EXPECT_EQ(status_of(agent->pid(), "Groups"), "");
  for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"})
    EXPECT_EQ(status_of(agent->pid(), set), "0000000000000000") << set;
  for (const pid_t process : {agent->pid(), helper}) {
    EXPECT_EQ(status_of(process, "NoNewPrivs"), "1");
    EXPECT_EQ(status_of(process, "Seccomp"), "2");
  }
  EXPECT_EQ(status_of(helper, "Uid"), "4711 4711 4711 4711");
  EXPECT_EQ(status_of(helper, "CapEff"), "0000008000000003") << "CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_BPF";
}

TEST_F(AnAgentsPrivilege, OfTheHelperHoldsNeitherTheLinkNorASocketOfTheNetwork) {
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const std::string folder = "/proc/" + std::to_string(helper_of(agent)) + "/fd";
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> files(::opendir(folder.c_str()), close);
  ASSERT_TRUE(files);
  unsigned sockets = 0;
  while (const dirent* each = ::readdir(files.get())) {
    std::array<char, 256> target{};
    const std::string file = folder + "/" + each->d_name;
    if (::readlink(file.c_str(), target.data(), target.size() - 1) < 0) continue;
    EXPECT_THAT(target.data(), testing::Not(HasSubstr("bpf_link")));
    sockets += std::string_view(target.data()).starts_with("socket:") ? 1 : 0;
  }
  EXPECT_EQ(sockets, 2u) << "to the agent, and to the kernel";
}

// And neither it nor its helper keeps that open.
TEST_F(AnAgentsPrivilege, ToSteerIsToldToADescriptorWhenItIsUsed) {
  constexpr int told = 30;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd hears(ends[0]);
  UniqueFd says(ends[1]);
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [&says] { ::dup2(says.get(), told); }},
                     test::steer_one_port, {"--ready-fd", std::to_string(told)});
  says.reset();
  std::string heard;
  for (char byte = 0; ::read(hears.get(), &byte, 1) == 1;) heard += byte;
  EXPECT_EQ(heard, "\n");
  EXPECT_TRUE(agent.steers()) << agent->err();
}

// Low ones too, which are the agent's own a moment later.
TEST_F(AnAgentsPrivilege, OfAReadyDescriptorThatIsNotOpenIsTold) {
  for (const std::string told : {"3", "5", "8", "30"}) {
    const test::Finished agent = test::run_to_end(
        {.command = {test::program("tasklaned"), "--ready-fd", told}, .where = &host(), .before = [] {
           ::close_range(3, ~0u, 0);
         }});
    EXPECT_EQ(agent.status, 2) << told;
    EXPECT_THAT(agent.err, HasSubstr("--ready-fd: descriptor " + told + " is not open"));
  }
}

TEST_F(AnAgentsPrivilege, IsNotMissedWhenAModelComesLater) {
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const HttpModel model(host(), at("127.0.0.1", models_port));
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
}

TEST_F(AnAgentsPrivilege, IsNotMissedWhenItReadsRulesThatOnlyRootMayRead) {
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  ASSERT_EQ(::chmod(agent.config_file().c_str(), 0600), 0);
  const auto reload = [&] {
    return test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "reload"}});
  };
  EXPECT_EQ(reload().status, 0) << agent->err();
  agent.rewrite_config("{");
  const test::Finished broken = reload();
  EXPECT_EQ(broken.status, 1);
  EXPECT_THAT(broken.err, HasSubstr("tasklane.json"));
  EXPECT_THAT(agent->err(), HasSubstr("the running configuration stays"));
}

TEST_F(AnAgentsPrivilege, IsNotMissedWhenItReadsKeysAndAuthoritiesThatOnlyRootMayRead) {
  const test::TemporaryFolder folder;
  const std::string authorities = (folder.path() / "ca.pem").string();
  const std::string key = folder.write("key", "sk-1\n");
  Authority().write(authorities);
  for (const std::string& file : {authorities, key}) ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  const std::string config = R"({"version": 1, "intercept": [{"port": 11434}], "upstreams": {"hosted": {
      "url": "https://localhost:1/v1", "model": "m", "api_key_file": ")" +
                             key + R"(", "ca_file": ")" + authorities + "\"}}}";
  AgentProcess agent(Launch{.command = {}, .where = &host()}, config, {"--user", "4711"});
  ASSERT_TRUE(agent.steers()) << agent->err();
  const test::Finished reload = test::run_to_end(
      {.command = {test::program("tasklane"), "--control", agent.control_socket(), "reload"}});
  EXPECT_EQ(reload.status, 0) << reload.err;
}

// proc(5), net/tcp: state 01 is an established connection, and the eighth column the user of its socket.
TEST_F(AnAgentsPrivilege, IsNotMissedWhenAConnectionIsGivenToTheModelsUser) {
  UniqueFd model = test::listen_in(host(), at("127.0.0.1", models_port));
  ASSERT_EQ(::fchown(model.get(), 4712, static_cast<gid_t>(-1)), 0);
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const Client client = Client::connect(host(), at("127.0.0.1", models_port)).value();
  const auto owned_by_the_models_user = [&] {
    std::istringstream lines(host().run([] { return text_of("/proc/thread-self/net/tcp"); }));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::array<std::string, 8> word;
      for (std::string& each : word) words >> each;
      if (word[1] == "0100007F:2CAA" && word[3] == "01" && word[7] == "4712") return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(owned_by_the_models_user));
}

TEST_F(AnAgentsPrivilege, EndsWithItsHelperAndTrafficIsDirectThen) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  ASSERT_EQ(asked(), "through the agent");
  ASSERT_EQ(::kill(helper_of(agent), SIGKILL), 0);
  EXPECT_TRUE(agent->wait_for_output("the helper process has ended")) << agent->err();
  EXPECT_TRUE(eventually([&] { return asked() == "directly"; }));
  EXPECT_EQ(agent->wait(), 1) << "so that whoever started it starts another";
  EXPECT_THAT(agent->err(), testing::Not(HasSubstr("wait for now")));
}

TEST_F(AnAgentsPrivilege, IsNotWaitedForWhereTheHelperHangs) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  Client before = Client::connect(host(), at("127.0.0.1", models_port)).value();
  ASSERT_EQ(::kill(helper_of(agent), SIGSTOP), 0);
  EXPECT_EQ(how_answered(before), "through the agent");
  EXPECT_TRUE(agent->wait_for_output("reach the model directly for now: helper")) << agent->err();
  EXPECT_EQ(asked(), "directly");
  EXPECT_TRUE(agent->wait_for_output("the helper process has ended")) << "a hung one is ended";
  EXPECT_EQ(asked(), "directly");
}

TEST_F(AnAgentsPrivilege, LeavesNoHelperBehindWhenItIsKilled) {
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const pid_t helper = helper_of(agent);
  const std::string socket = agent.control_socket();
  agent->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return ::access(socket.c_str(), F_OK) != 0; }))
      << "the control socket is removed";
  EXPECT_TRUE(eventually([&] {
    const std::string state = status_of(helper, "State");
    return state.empty() || state.starts_with("Z");
  }));
}

TEST_F(AnAgentsPrivilege, OfAnUnknownUserKeepsItFromStarting) {
  const test::Finished agent = test::run_to_end(
      {.command = {test::program("tasklaned"), "--user", "nobody-of-that-name"}, .where = &host()});
  EXPECT_EQ(agent.status, 2);
  EXPECT_THAT(agent.err, HasSubstr("there is no user 'nobody-of-that-name'"));
}

}  // namespace
}  // namespace tasklane
