// Being alive is not enough: what an agent that cannot serve does with the next connection, in a namespace.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/agent.h"
#include "tests/support/http_model.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""ms;
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
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FailingOpen : public test::OnAHost {
 protected:
  [[nodiscard]] Client connected() const {
    return Client::connect(host(), at("127.0.0.1", models_port)).value();
  }

  static nlohmann::json stats(AgentProcess& agent) {
    const test::Finished told = test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "stats", "--json"}});
    return nlohmann::json::parse(told.out, nullptr, false);
  }
  static std::string suspended(AgentProcess& agent) {
    const nlohmann::json told = stats(agent);
    return told.is_object() ? told["steering"].value("suspended", "not told") : "no answer";
  }
  // As root without any privilege: to set its limits from outside takes its own user, or CAP_SYS_RESOURCE.
  [[nodiscard]] AgentProcess agent_to_be_limited() const {
    return AgentProcess(Launch{.command = {}, .where = &host()}, test::steer_one_port, {"--user", "0"});
  }
  static void limit(const AgentProcess& agent, int resource, rlim_t most) {
    const pid_t pid = const_cast<AgentProcess&>(agent)->pid();
    rlimit wanted{};
    ASSERT_EQ(::prlimit(pid, static_cast<__rlimit_resource>(resource), nullptr, &wanted), 0);
    wanted.rlim_cur = most;
    ASSERT_EQ(::prlimit(pid, static_cast<__rlimit_resource>(resource), &wanted, nullptr), 0);
  }
  // What it has mapped, in bytes.
  static rlim_t mapped(AgentProcess& agent) {
    std::ifstream file("/proc/" + std::to_string(agent->pid()) + "/statm");
    rlim_t pages = 0;
    file >> pages;
    return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
  }
};

void with_descriptors(rlim_t most) {
  const rlimit wanted{most, most};
  ::setrlimit(RLIMIT_NOFILE, &wanted);
}

TEST_F(FailingOpen, AnAgentWithFewDescriptorsTakesNoMoreThanTheyAllow) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [] { with_descriptors(80); }});
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_THAT(agent->err(), HasSubstr("max_connections is"));
  EXPECT_EQ(asked(), "through the agent");
  const auto room = stats(agent)["steering"].value("max_connections", 0u);
  ASSERT_GT(room, 0u);
  ASSERT_LT(room, 40u);
}

TEST_F(FailingOpen, AnAgentThatIsFullLetsTheNextConnectionPassUntilOneHasGone) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [] { with_descriptors(80); }});
  ASSERT_TRUE(agent.steers()) << agent->err();
  const auto room = stats(agent)["steering"].value("max_connections", 0u);
  // One after the other, each the agent's before the next: none reaches the model, which serves one at a
  // time.
  std::vector<Client> held;
  const auto all_are_the_agents = [&] {
    return stats(agent)["relay"].value("open_connections", 0u) == held.size();
  };
  while (held.size() < room) {
    held.push_back(connected());
    ASSERT_TRUE(eventually(all_are_the_agents)) << held.size() << " of " << room;
  }
  EXPECT_TRUE(eventually([&] { return suspended(agent) == "connections"; }));
  EXPECT_TRUE(agent->wait_for_output("directly for now: connections")) << agent->err();
  EXPECT_EQ(asked(), "directly");
  held.clear();
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
  EXPECT_TRUE(eventually([&] { return suspended(agent).empty(); }));
}

TEST_F(FailingOpen, ABurstThatAnAgentHasNoRoomForReachesTheModel) {
  const UniqueFd model = test::listen_in(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [] { with_descriptors(80); }});
  ASSERT_TRUE(agent.steers()) << agent->err();
  const auto room = stats(agent)["steering"].value("max_connections", 0u);
  ASSERT_GT(room, 0u);
  agent->signal(SIGSTOP);  // it says nothing more: what it said last is all that the kernel goes by
  std::vector<Client> burst;
  for (unsigned i = 0; i < room + 5; ++i) burst.push_back(connected());
  unsigned direct = 0;
  for (pollfd waits{model.get(), POLLIN, 0}; ::poll(&waits, 1, 100) == 1; ++direct)
    const UniqueFd taken(::accept(model.get(), nullptr, nullptr));
  EXPECT_GE(direct, 5u);
  agent->signal(SIGCONT);
}

TEST_F(FailingOpen, WithoutDescriptorsToSpareTheNextConnectionReachesTheModel) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent = agent_to_be_limited();
  ASSERT_TRUE(agent.steers()) << agent->err();
  limit(agent, RLIMIT_NOFILE, 24);
  EXPECT_TRUE(eventually([&] { return asked() == "directly"; }));
  EXPECT_TRUE(agent->wait_for_output("directly for now: descriptors")) << agent->err();
  limit(agent, RLIMIT_NOFILE, 4096);
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
}

TEST_F(FailingOpen, WithoutMemoryToSpareTheNextConnectionReachesTheModel) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent = agent_to_be_limited();
  ASSERT_TRUE(agent.steers()) << agent->err();
  limit(agent, RLIMIT_AS, mapped(agent) + (8u << 20));
  EXPECT_TRUE(eventually([&] { return asked() == "directly"; }));
  EXPECT_TRUE(agent->wait_for_output("directly for now: memory")) << agent->err();
  limit(agent, RLIMIT_AS, RLIM_INFINITY);
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
}

// Nobody is left to end what the request had begun.
TEST_F(FailingOpen, AnExceptionThatEscapesARequestEndsTheAgentAndTheNextOneIsServedDirectly) {
  NOT_UNDER_SANITIZERS("their allocator ends the process where operator new would throw");
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent = agent_to_be_limited();
  ASSERT_TRUE(agent.steers()) << agent->err();
  Client client = connected();
  client.send("POST /api/chat HTTP/1.1\r\nHost: model\r\nContent-Length: 60000000\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return stats(agent)["memory"].value("held_bytes", 0u) > 60000000u; }));
  limit(agent, RLIMIT_AS, mapped(agent) + (4u << 20));
  const std::string part(1u << 20, 'a');
  for (int i = 0; i < 60 && client.send(part); ++i) continue;
  EXPECT_EQ(agent->wait(), 1);
  EXPECT_THAT(agent->err(), HasSubstr("bad_alloc"));
  EXPECT_THAT(agent->err(), Not(HasSubstr("aaaa")));
  EXPECT_EQ(asked(), "directly");
}

TEST_F(FailingOpen, AHungAgentIsPassedByWithinASecond) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const double stale = stats(agent)["steering"].value("stale_after_seconds", 100.0);
  EXPECT_LE(stale, 2.0) << "never later than configured";
  EXPECT_GE(stale, 0.5);
  agent->signal(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::duration<double>(stale + 0.1));
  EXPECT_EQ(asked(), "directly");
  agent->signal(SIGCONT);
}

// A datagram socket as a service manager has one.
class Manager {
 public:
  Manager() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path().copy(name.sun_path, sizeof(name.sun_path) - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
  }
  [[nodiscard]] std::string path() const { return folder_.path() / "notify"; }
  // Whether it is told so before patience ends.
  bool hears(std::string_view words) {
    pollfd waits{socket_.get(), POLLIN, 0};
    char said[256];
    while (::poll(&waits, 1, 10000) == 1) {
      const ssize_t length = ::recv(socket_.get(), said, sizeof(said), 0);
      if (length > 0 && std::string_view(said, static_cast<std::size_t>(length)) == words) return true;
    }
    return false;
  }
  void forget() {
    char said[256];
    while (::recv(socket_.get(), said, sizeof(said), MSG_DONTWAIT) > 0) continue;
  }
  [[nodiscard]] bool hears_nothing_for(std::chrono::milliseconds time) const {
    pollfd waits{socket_.get(), POLLIN, 0};
    return ::poll(&waits, 1, static_cast<int>(time.count())) == 0;
  }

 private:
  test::TemporaryFolder folder_;
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(FailingOpen, TheServiceManagerHearsThatItIsReadyAndThatItsLoopTurns) {
  Manager manager;
  AgentProcess agent(Launch{.command = {},
                            .where = &host(),
                            .environment = {{"NOTIFY_SOCKET", manager.path()}, {"WATCHDOG_USEC", "400000"}}});
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_TRUE(manager.hears("READY=1"));
  EXPECT_TRUE(manager.hears("WATCHDOG=1"));
  EXPECT_TRUE(manager.hears("WATCHDOG=1"));
  agent->signal(SIGSTOP);
  std::this_thread::sleep_for(50ms);
  manager.forget();
  EXPECT_TRUE(manager.hears_nothing_for(600ms));
  agent->signal(SIGCONT);
  EXPECT_TRUE(manager.hears("WATCHDOG=1"));
  agent->signal(SIGTERM);
  EXPECT_TRUE(manager.hears("STOPPING=1"));
}

TEST_F(FailingOpen, AnAgentWhoseLogNobodyReadsAnyMoreServesOn) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [] {
                              int ends[2];
                              if (::pipe(ends) != 0) return;
                              ::dup2(ends[1], STDERR_FILENO);
                              ::dup2(ends[1], STDOUT_FILENO);
                              ::close(ends[0]);
                              ::close(ends[1]);
                            }});
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
  EXPECT_TRUE(agent->running());
}

TEST_F(FailingOpen, AClosedStandardErrorBecomesNoSocketOfTheAgents) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host(), .before = [] {
                              for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
                            }});
  EXPECT_TRUE(eventually([&] { return asked() == "through the agent"; }));
  for (const char* fd : {"0", "1", "2"})
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(agent->pid()) + "/fd/" + fd),
              "/dev/null");
}

// The kernel gives the files of a process that nobody may trace or dump to root.
TEST_F(FailingOpen, NoCoreFileAndNoOtherProcessOfItsUserGetsAtItsMemory) {
  const test::TemporaryFolder folder;
  const std::string config = folder.write(
      "listen.json",
      R"({"version": 1, "listen": [{"address": "127.0.0.1:11440", "to": "http://127.0.0.1:1"}]})");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  test::Process agent({.command = {"setpriv", "--reuid=64321", "--clear-groups", test::program("tasklaned"),
                                   "--config", config, "--control", folder.path() / "control.sock"},
                       .where = &host()});
  if (!agent.wait_for_output("listening on"))
    GTEST_SKIP() << "cannot be run as another user: " << agent.err();
  struct stat memory {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(agent.pid()) + "/mem").c_str(), &memory), 0);
  EXPECT_EQ(memory.st_uid, 0u);
}

// The system's resolver asks a server that never answers, for longer than the test has patience.
TEST_F(FailingOpen, ANameThatIsStillBeingResolvedKeepsNoAgentFromEnding) {
  const test::TemporaryFolder folder;
  const std::string resolver =
      folder.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n");
  const UniqueFd silent = host().run([] {
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const KernelAddress name = to_kernel(at("127.0.0.1", 53));
    EXPECT_EQ(::bind(socket.get(), name.get(), name.length), 0);
    return socket;
  });
  const auto ask_there = [file = resolver.c_str()] {
    if (::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
      ::mount(file, "/etc/resolv.conf", nullptr, MS_BIND, nullptr);
  };
  AgentProcess agent(
      Launch{.command = {}, .where = &host(), .before = ask_there},
      R"({"version": 1, "listen": [{"address": "127.0.0.1:11440", "to": "http://model.example:1"}]})");
  ASSERT_TRUE(agent->wait_for_output("listening on")) << agent->err();
  Client client = Client::connect(host(), at("127.0.0.1", 11440)).value();
  client.send("GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n");
  pollfd asked_for{silent.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&asked_for, 1, 10000), 1) << "the name was not asked for";
  agent->signal(SIGTERM);
  agent->signal(SIGINT);  // a second one: at once
  EXPECT_EQ(agent->wait(), 0);
}

UniqueFd take_name_as(const Namespace& where, uid_t user, const std::string& text) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  text.copy(name.sun_path + 1, sizeof(name.sun_path) - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  UniqueFd socket =
      where.run([] { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); });
  EXPECT_EQ(::seteuid(user), 0);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), length), 0);
  EXPECT_EQ(::listen(socket.get(), 1), 0);
  EXPECT_EQ(::seteuid(0), 0);
  return socket;
}

TEST_F(FailingOpen, AnotherUserWhoTakesTheNameOfItsLockKeepsNoAgentFromSteering) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  const UniqueFd squatter = take_name_as(host(), 64321, "tasklane.steering.11434");
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(asked(), "through the agent");
  AgentProcess second(host());
  EXPECT_EQ(second->wait(), 2) << "and it keeps two agents apart all the same";
  EXPECT_THAT(second->err(), HasSubstr("process " + std::to_string(agent->pid())));
}

// A request that HttpModel answers with the address from which it came.
std::string seen_by_the_model(const Namespace& from, const SocketAddress& to) {
  auto client = Client::connect(from, to);
  if (!client) return "no connection";
  client->send("GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n");
  const std::string answer = client->receive_all();
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

class FailingOpenToOthers : public FailingOpen {
 protected:
  void SetUp() override {
    FailingOpen::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    other_ = std::make_unique<Namespace>();
    cable_ = connect(host(), other());
  }
  [[nodiscard]] const Namespace& other() const { return *other_; }
  test::Cable cable_;

 private:
  std::unique_ptr<Namespace> other_;
};

TEST_F(FailingOpenToOthers, AServerThatAdmitsItsOwnMachineAloneIsNotGotRound) {
  const HttpModel model(host(), at("::", models_port), DualStack::yes);
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  ASSERT_TRUE(eventually([&] { return asked() == "through the agent"; }));
  const auto seen = [&](const Namespace& from, const std::string& to) {
    return seen_by_the_model(from, at(to, models_port));
  };
  EXPECT_THAT(seen(other(), cable_.first_ipv4), HasSubstr(cable_.first_ipv4 + ":"));
  EXPECT_THAT(seen(other(), cable_.first_ipv6), HasSubstr("[" + cable_.first_ipv6 + "]:"));
  EXPECT_THAT(seen(host(), "127.0.0.1"), HasSubstr("127.0.0.1:"));
  EXPECT_THAT(seen(host(), "::1"), StartsWith("[::1]:"));
  EXPECT_THAT(seen(host(), cable_.first_ipv4), HasSubstr(cable_.first_ipv4 + ":"));
  // All of it went through the agent, and its own connections did not come back to it.
  const nlohmann::json told = stats(agent)["steering"]["connections"];
  EXPECT_GE(told.value("passed_own_dial", 0), 5) << told;
}

// Two servers share the port, one of them for those who come by the cable alone.
TEST_F(FailingOpenToOthers, AListenerThatIsBoundToADeviceIsDialledByThatDevice) {
  const auto listening = [&](const std::string& device) {
    UniqueFd socket = host().run([] { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
    const int yes = 1;
    EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
    if (!device.empty()) {
      EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                             static_cast<socklen_t>(device.size())),
                0);
    }
    const KernelAddress name = to_kernel(at("0.0.0.0", models_port));
    EXPECT_EQ(::bind(socket.get(), name.get(), name.length), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  };
  const UniqueFd everybodys = listening("");  // the kernel looks at the newest first
  const UniqueFd on_cable = listening("cable0");
  ::fcntl(on_cable.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(everybodys.get(), F_SETFL, O_NONBLOCK);

  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  auto client = Client::connect(other(), at(cable_.first_ipv4, models_port));
  ASSERT_TRUE(client);
  client->send("GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n");
  std::string who;
  EXPECT_TRUE(eventually([&] {
    if (UniqueFd(::accept(on_cable.get(), nullptr, nullptr))) who = "the cable's";
    if (UniqueFd(::accept(everybodys.get(), nullptr, nullptr))) who = "everybody's";
    return !who.empty();
  }));
  EXPECT_EQ(who, "the cable's");
  EXPECT_GE(stats(agent)["steering"]["connections"].value("passed_own_dial", 0), 1);
}

}  // namespace
}  // namespace tasklane
