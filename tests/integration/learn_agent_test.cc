// `tasklane learn --live`: what a running agent gives to it, and what it never gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/agent.h"
#include "tests/support/http_model.h"
#include "tests/support/requirements.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::Client;
using test::HttpModel;
using test::Launch;
using test::Namespace;
using test::Process;
using testing::HasSubstr;
using testing::Not;

class LearnFromAnAgent : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    host_ = std::make_unique<Namespace>();
    model_ = std::make_unique<HttpModel>(*host_, at("127.0.0.1", 11434));
    agent_ = std::make_unique<AgentProcess>(*host_);
    ASSERT_TRUE(agent_->steers()) << (*agent_)->err();
  }
  // Of a template that no pack knows.
  void ask_for_a_title(const std::string& secret) const {
    const nlohmann::json body{{"model", "m"},
                              {"messages",
                               {{{"role", "user"},
                                 {"content", "Name the talk below, as {\"title\": \"\"}.\nUSER: " + secret +
                                                 "\nASSISTANT: yes\nEND OF TALK"}}}},
                              {"stream", false}};
    Client client = Client::connect(*host_, at("127.0.0.1", 11434)).value();
    client.send("POST /api/chat HTTP/1.1\r\nHost: m\r\nContent-Length: " +
                std::to_string(body.dump().size()) + "\r\n\r\n" + body.dump());
    EXPECT_THAT(client.receive_line(), HasSubstr("200"));
  }
  // Runs the tool while three titles are asked for.
  std::unique_ptr<Process> learn(std::vector<std::string> more) {
    Launch launch;
    launch.command = {test::program("tasklane"),
                      "--control",
                      agent_->control_socket(),
                      "learn",
                      "--live",
                      "--seconds",
                      "2"};
    launch.command.insert(launch.command.end(), more.begin(), more.end());
    auto tool = std::make_unique<Process>(launch);
    EXPECT_TRUE(tool->wait_for_output("listening for 2 s"));
    for (const char* secret : {"my bees are ill", "rent for a boat", "what is a gasket"})
      ask_for_a_title(secret);
    return tool;
  }

 private:
  std::unique_ptr<Namespace> host_;
  std::unique_ptr<HttpModel> model_;
  std::unique_ptr<AgentProcess> agent_;
};

TEST_F(LearnFromAnAgent, ProposesAnEntryOfTheirCommonWordsWhereTextsAreAskedFor) {
  const auto tool = learn({"--texts"});
  EXPECT_EQ(tool->wait(), 1) << tool->err();
  EXPECT_THAT(tool->out(), HasSubstr("Name the talk below"));
  EXPECT_THAT(tool->out(), HasSubstr("\"class\": \"title\""));
  EXPECT_THAT(tool->out(), Not(HasSubstr("bees")));
}

TEST_F(LearnFromAnAgent, TellsShapesAloneElse) {
  const auto tool = learn({});
  EXPECT_EQ(tool->wait(), 0) << tool->err();
  EXPECT_THAT(tool->err(), HasSubstr("3 requests, class title, JSON key \"title\""));
  EXPECT_THAT(tool->err() + tool->out(), Not(HasSubstr("talk")));
}

TEST_F(LearnFromAnAgent, SaysThatNoAgentRuns) {
  const test::Finished ran = test::run_to_end(
      {.command = {test::program("tasklane"), "--control", "/nowhere/control.sock", "learn", "--live"}});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("/nowhere/control.sock"));
}

}  // namespace
}  // namespace tasklane
