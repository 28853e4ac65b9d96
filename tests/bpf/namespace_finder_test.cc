// What a container engine answers, and how a container is known by its control group.
#include "userspace/steer/namespace_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "userspace/steer/container_engine.h"

namespace tasklane {
namespace {

const std::string ok = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";

TEST(AContainerEnginesAnswer, TellsTheFirstProcessOfAContainerThatRuns) {
  EXPECT_EQ(
      process_in_answer(ok + R"({"Id":"1a","State":{"Running":true,"Pid":4711},"Name":"/ollama"})").value(),
      4711);
  EXPECT_EQ(process_in_answer(ok + R"({"State":{"Running":false,"Pid":0}})").value(), std::nullopt);
  EXPECT_EQ(process_in_answer("HTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"No such container\"}").value(),
            std::nullopt);
}

TEST(AContainerEnginesAnswer, TellsHowAContainerIsCalled) {
  EXPECT_EQ(name_in_answer(ok + R"({"Name":"/ollama"})").value(), "ollama");
  EXPECT_EQ(name_in_answer(ok + R"({"Name":"ollama"})").value(), "ollama");
  EXPECT_EQ(name_in_answer(ok + R"({"Name":7})").value(), "");
  EXPECT_EQ(name_in_answer("HTTP/1.1 404 Not Found\r\n\r\n").value(), "");
  EXPECT_TRUE(name_in_answer(ok + "[]").has_error());
}

TEST(AContainerEnginesAnswer, IsReadStrictly) {
  for (const std::string& bad :
       {std::string(), std::string("no HTTP"), ok, ok + "[]", ok + R"({"State":{}})",
        ok + R"({"State":{"Pid":"7"}})", ok + R"({"State":{"Pid":-7}})", ok + R"({"State":{"Pid":1}})",
        ok + R"({"State":{"Pid":99999999999}})", ok + R"({"State":{"Pid":7})",
        std::string("HTTP/1.1 500 Error\r\n\r\n{\"State\":{\"Pid\":7}}")})
    EXPECT_TRUE(process_in_answer(bad).has_error()) << bad;
}

TEST(AControlGroup, IsOfTheContainerWhoseNameOrIdItBears) {
  const std::string id(64, 'a');
  EXPECT_TRUE(is_cgroup_of("0::/system.slice/docker-" + id + ".scope\n", id));
  EXPECT_TRUE(is_cgroup_of("0::/system.slice/docker-" + id + ".scope\n", id.substr(0, 12)));
  EXPECT_TRUE(is_cgroup_of("3:memory:/docker/" + id + "\n0::/\n", id));
  EXPECT_TRUE(is_cgroup_of("0::/lxc.payload.ollama/init.scope\n", "ollama"));
  EXPECT_TRUE(is_cgroup_of("0::/machine.slice/systemd-nspawn@ollama.service/payload\n", "ollama"));
  EXPECT_FALSE(is_cgroup_of("0::/machine.slice/systemd-nspawn@ollama.service/supervisor\n", "ollama"));
  EXPECT_FALSE(is_cgroup_of("0::/machine.slice/libpod-conmon-" + id + ".scope\n", id));
  EXPECT_FALSE(is_cgroup_of("0::/system.slice/docker-" + id + ".scope\n", id.substr(0, 11)));
  EXPECT_FALSE(is_cgroup_of("0::/lxc.payload.ollama2\n", "ollama"));
  EXPECT_FALSE(is_cgroup_of("", "ollama"));
}

}  // namespace
}  // namespace tasklane
