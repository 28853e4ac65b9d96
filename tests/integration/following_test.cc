// A model in another network namespace than the agent's, that goes away and comes back in a new one, as a
// container's does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/un.h>

#include <filesystem>
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
using test::Launch;
using test::Namespace;
using test::Process;
using testing::HasSubstr;

// Others' tests may have models of their own, and "of-listener" looks into every namespace of the machine.
const auto own_port = static_cast<std::uint16_t>(20000 + ::getpid() % 10000);

// A process that is in the namespace, once it is made.
class Inhabitant {
 public:
  explicit Inhabitant(const Namespace& where) : process_({.command = {"sleep", "1000"}, .where = &where}) {
    const std::filesystem::path own = "/proc/" + std::to_string(pid()) + "/ns/net";
    std::error_code ignored;
    if (!eventually([&] { return std::filesystem::equivalent(own, where.path(), ignored); }))
      throw std::runtime_error("no process in the namespace");
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  Process process_;
};

// A container as far as it matters: a process, and its network namespace.
class Container {
 public:
  Container() : model_(inside_, at("127.0.0.1", own_port)), first_(inside_) {}
  [[nodiscard]] const Namespace& inside() const { return inside_; }
  [[nodiscard]] pid_t process() const { return first_.pid(); }
  [[nodiscard]] std::string asked() const { return how_answered(inside_, at("127.0.0.1", own_port)); }

 private:
  Namespace inside_;
  HttpModel model_;
  Inhabitant first_;
};

// Docker's socket, as far as it is asked: it tells of one container.
class ContainerEngine {
 public:
  explicit ContainerEngine(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
        ::listen(listener_.get(), 8) != 0)
      throw std::runtime_error("no socket of a container engine at " + path);
    thread_ = std::thread([this] { serve(); });
  }
  ~ContainerEngine() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  void runs(pid_t process) { process_ = process; }
  void runs_nothing() { process_ = 0; }
  void answers(bool now) { answers_ = now; }
  [[nodiscard]] std::string asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    for (;;) {
      const UniqueFd taken(::accept(listener_.get(), nullptr, nullptr));
      if (!taken) return;
      std::array<char, 512> request{};
      const ssize_t length = ::recv(taken.get(), request.data(), request.size(), 0);
      {
        const std::lock_guard lock(mutex_);
        asked_.assign(request.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
      }
      if (!answers_) continue;
      const nlohmann::json state{{"State", {{"Running", process_ != 0}, {"Pid", process_.load()}}}};
      const std::string answer = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + state.dump();
      ::send(taken.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  UniqueFd listener_;
  std::atomic<pid_t> process_ = 0;
  std::atomic<bool> answers_ = true;
  mutable std::mutex mutex_;
  std::string asked_;
  std::thread thread_;
};

class Following : public test::OnAHost {
 protected:
  // An agent on a host of its own, told where the model is.
  [[nodiscard]] AgentProcess agent_for(const std::string& netns) const {
    return AgentProcess(
        Launch{
            .command = {}, .where = &host(), .environment = {{"DOCKER_HOST", "unix://" + engine_socket()}}},
        R"({"version": 1, "netns": ")" + netns + R"(", "intercept": [{"port": )" + std::to_string(own_port) +
            "}]}");
  }
  [[nodiscard]] std::string engine_socket() const { return folder_.path() / "docker.sock"; }
  static nlohmann::json netns_in_stats(const AgentProcess& agent) {
    const test::Finished stats = test::run_to_end(
        {.command = {test::program("tasklane"), "--control", agent.control_socket(), "stats", "--json"}});
    return nlohmann::json::parse(stats.out)["steering"]["netns"];
  }
  static bool steers(const Container& container) {
    return eventually([&] { return container.asked() == "through the agent"; });
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(Following, AContainerThatIsStartedAnewIsSteeredAgain) {
  ContainerEngine engine(engine_socket());
  auto container = std::make_unique<Container>();
  engine.runs(container->process());
  AgentProcess agent = agent_for("container:ollama");
  ASSERT_TRUE(agent->wait_for_output("steering in the network namespace container:ollama")) << agent->err();
  EXPECT_THAT(engine.asked(), testing::StartsWith("GET /containers/ollama/json HTTP/1.0\r\n"));
  EXPECT_TRUE(steers(*container));
  engine.runs_nothing();
  container.reset();
  EXPECT_TRUE(agent->wait_for_output("container:ollama is gone")) << agent->err();
  EXPECT_EQ(netns_in_stats(agent)["now"], "");
  container = std::make_unique<Container>();
  EXPECT_EQ(container->asked(), "directly");
  engine.runs(container->process());
  EXPECT_TRUE(steers(*container)) << agent->err();
  const std::string now = "container:ollama (process " + std::to_string(container->process()) + ")";
  EXPECT_TRUE(eventually([&] { return netns_in_stats(agent)["now"] == now; }));
  EXPECT_EQ(netns_in_stats(agent)["entered"], 2);
}

TEST_F(Following, AContainerMayBeStartedBehindTheAgent) {
  ContainerEngine engine(engine_socket());
  AgentProcess agent = agent_for("container:ollama");
  ASSERT_TRUE(agent.steers()) << agent->err();
  const Container container;
  EXPECT_EQ(container.asked(), "directly");
  engine.runs(container.process());
  EXPECT_TRUE(steers(container)) << agent->err();
}

// As at a machine's start.
TEST_F(Following, AnEngineThatDoesNotAnswerYetIsAskedAgain) {
  ContainerEngine engine(engine_socket());
  engine.answers(false);
  const Container container;
  engine.runs(container.process());
  AgentProcess agent = agent_for("container:ollama");
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(container.asked(), "directly");
  engine.answers(true);
  EXPECT_TRUE(steers(container)) << agent->err();
}

TEST_F(Following, TheListenerIsFoundWhereverItIs) {
  AgentProcess agent = agent_for("of-listener:" + std::to_string(own_port));
  ASSERT_TRUE(agent.steers()) << agent->err();
  {
    const Container container;
    EXPECT_TRUE(steers(container)) << agent->err();
  }
  EXPECT_TRUE(agent->wait_for_output("(process")) << agent->err();
  const Container another;
  EXPECT_TRUE(steers(another)) << agent->err();
}

TEST_F(Following, ANameThatIsGivenToAnotherNamespaceIsFollowed) {
  auto container = std::make_unique<Container>();
  const std::string name = "/run/netns/follow-" + std::to_string(::getpid());
  const auto give_name = [&] {
    return test::run_to_end(
               {.command = {"sh", "-c",
                            "touch " + name + " && mount --bind " + container->inside().path() + " " + name}})
        .status;
  };
  const auto take_name = [&] {
    return test::run_to_end({.command = {"sh", "-c", "umount " + name + " && rm " + name}}).status;
  };
  ASSERT_EQ(give_name(), 0);
  AgentProcess agent = agent_for(name);
  EXPECT_TRUE(steers(*container)) << agent->err();
  ASSERT_EQ(take_name(), 0);
  EXPECT_TRUE(agent->wait_for_output("is gone")) << agent->err();
  EXPECT_EQ(container->asked(), "directly");
  container = std::make_unique<Container>();
  ASSERT_EQ(give_name(), 0);
  EXPECT_TRUE(steers(*container)) << agent->err();
  EXPECT_EQ(take_name(), 0);
}

TEST_F(Following, AProcessThatMovesIsFollowedAndItsNumberIsNot) {
  const Container container;
  auto process = std::make_unique<Inhabitant>(container.inside());
  AgentProcess agent = agent_for(std::to_string(process->pid()));
  EXPECT_TRUE(steers(container)) << agent->err();
  process.reset();
  EXPECT_TRUE(agent->wait_for_output("is gone")) << agent->err();
  EXPECT_EQ(container.asked(), "directly");
}

TEST_F(Following, AgentsThatAreKilledLeaveTheOtherNamespaceDirect) {
  const Container container;
  AgentProcess agent = agent_for("of-listener:" + std::to_string(own_port));
  ASSERT_TRUE(steers(container)) << agent->err();
  agent->signal(SIGKILL);
  EXPECT_EQ(agent->wait(), 128 + SIGKILL);
  EXPECT_EQ(container.asked(), "directly");
}

// An image of nothing but modelsim and the libraries that it takes.
std::string import_image(const std::string& name) {
  return R"(set -e; folder=$(mktemp -d); cd "$folder"; cp )" + test::program("modelsim") + R"( modelsim
    for each in $(ldd modelsim | grep -o '/[^ ]*'); do cp --parents -L "$each" .; done
    tar -cf - . | docker import - )" +
         name + R"( >/dev/null; rm -r "$folder")";
}

TEST_F(Following, OfARealContainerIsDoneByItsName) {
  const auto done = [](const std::string& words) {
    return test::run_to_end({.command = {"sh", "-c", words}}).status == 0;
  };
  if (!done("docker info >/dev/null 2>&1")) GTEST_SKIP() << "no Docker engine runs here";
  const std::string name = "tasklane-test-" + std::to_string(::getpid());
  const std::string port = std::to_string(own_port);
  ASSERT_TRUE(done(import_image(name)));
  ASSERT_TRUE(done("docker run -d --name " + name + " " + name + " /modelsim --listen 0.0.0.0:" + port));
  const auto answered = [&] {
    return done("curl -sS -m 5 -D - http://$(docker inspect -f '{{.NetworkSettings.IPAddress}}' " + name +
                "):" + port + "/api/version | grep -q ^X-Tasklane:");
  };
  AgentProcess agent(Launch{}, R"({"version": 1, "answer_header": true, "netns": "container:)" + name +
                                   R"(", "intercept": [{"port": )" + port + "}]}");
  EXPECT_TRUE(agent.steers()) << agent->err();
  EXPECT_TRUE(eventually(answered)) << agent->err();
  EXPECT_TRUE(done("docker restart -t 0 " + name));
  EXPECT_TRUE(eventually([&] { return netns_in_stats(agent)["entered"] == 2; })) << agent->err();
  EXPECT_TRUE(eventually(answered)) << agent->err();
  EXPECT_TRUE(done("docker rm -f " + name));
  EXPECT_TRUE(eventually([&] { return netns_in_stats(agent)["now"] == ""; })) << agent->err();
  EXPECT_TRUE(done("docker rmi " + name));
}

// What is routed elsewhere is dialled from where the agent was started; there, too, something may listen on
// the model's own port.
TEST_F(Following, AnotherUpstreamIsDialledFromWhereTheAgentWasStarted) {
  const HttpModel other(host(), at("127.0.0.1", own_port));
  const Namespace inside;
  const UniqueFd silent = test::listen_in(inside, at("127.0.0.1", own_port));
  const Inhabitant first(inside);
  AgentProcess agent(Launch{.command = {}, .where = &host()}, R"({
    "version": 1, "netns": ")" + std::to_string(first.pid()) + R"(", "intercept": [{"port": )" +
                                                                  std::to_string(own_port) + R"(}],
    "upstreams": {"other": {"url": "http://127.0.0.1:)" + std::to_string(own_port) +
                                                                  R"("}},
    "rules": [{"name": "all", "when": {}, "then": {"route": ["other"]}}]})");
  ASSERT_TRUE(agent.steers()) << agent->err();
  EXPECT_EQ(how_answered(inside, at("127.0.0.1", own_port)), "through the agent") << agent->err();
}

}  // namespace
}  // namespace tasklane
