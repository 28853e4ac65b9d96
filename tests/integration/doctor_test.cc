// `tasklane doctor` on a machine of its own: what it sees of agent, model and namespaces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/agent.h"
#include "tests/support/http_model.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using testing::Contains;
using testing::Not;

class DoctorTest : public test::OnAHost {
 protected:
  void SetUp() override {
    OnAHost::SetUp();
    rules_ = folder_.write("rules.json", test::steer_one_port);
  }
  // What it finds, in `where`.
  [[nodiscard]] std::vector<std::string> found(const test::Namespace& where,
                                               const std::string& control) const {
    std::vector<std::string> ids;
    for (const auto& each : findings(where, control)) ids.push_back(each["id"]);
    return ids;
  }
  // What it says to do on the host without an agent; empty: it finds no such thing.
  [[nodiscard]] std::string remedy_of(const std::string& id) const {
    for (const auto& each : findings(host(), "/nowhere/at/all"))
      if (each["id"] == id) return each["remedy"];
    return {};
  }

 private:
  [[nodiscard]] nlohmann::json findings(const test::Namespace& where, const std::string& control) const {
    const test::Finished doctor = test::run_to_end(
        {.command = {test::program("tasklane"), "--control", control, "doctor", "--json", "--config", rules_},
         .where = &where});
    return nlohmann::json::parse(doctor.out);
  }

  test::TemporaryFolder folder_;
  std::string rules_;
};

TEST_F(DoctorTest, SeesTheModelAndTheAgentBeforeIt) {
  const test::HttpModel model(host(), test::at("127.0.0.1", 11434));
  EXPECT_THAT(found(host(), "/nowhere/at/all"), Contains("agent-absent"));
  test::AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  const std::vector<std::string> ids = found(host(), agent.control_socket());
  EXPECT_THAT(ids, Contains("model"));
  EXPECT_THAT(ids, Contains("kernel"));
  EXPECT_THAT(ids, Not(Contains("agent-absent")));
  EXPECT_THAT(ids, Not(Contains("another-steers")));
}

TEST_F(DoctorTest, SeesThatTheModelListensInAnotherNamespace) {
  const test::Namespace elsewhere;
  const test::Process model(
      {.command = {test::program("modelsim"), "--listen", "127.0.0.1:11434"}, .where = &elsewhere});
  ASSERT_TRUE(test::wait_for_listener(elsewhere, 11434));
  EXPECT_THAT(found(host(), "/nowhere/at/all"), Contains("model-elsewhere"));
}

TEST_F(DoctorTest, SeesForWhomAPortIsPublished) {
  if (test::run_to_end({.command = {"sh", "-c", "command -v nft"}}).status != 0)
    GTEST_SKIP() << "nft is not installed here";
  const test::Namespace container;
  const test::Cable cable = test::connect(host(), container);
  const std::string rules =
      "add table ip t; add chain ip t out { type nat hook output priority -100; };"
      "add rule ip t out tcp dport 11434 dnat to " +
      cable.second_ipv4 + ":8080";
  ASSERT_EQ(test::run_to_end({.command = {"nft", rules}, .where = &host()}).status, 0);
  const test::Process model(
      {.command = {test::program("modelsim"), "--listen", "0.0.0.0:8080"}, .where = &container});
  ASSERT_TRUE(test::wait_for_listener(container, 8080));
  EXPECT_THAT(remedy_of("redirected"),
              testing::HasSubstr(R"("netns": "of-listener:8080", "intercept": [{"port": 8080}])"));
}

}  // namespace
}  // namespace tasklane
