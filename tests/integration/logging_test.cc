// What the agent writes into its log and its answers' heads: how requests were treated, and nothing of them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"
#include "userspace/agent/log.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::Client;
using test::HttpModel;
using test::Launch;
using test::models_port;
using testing::HasSubstr;
using testing::Not;

constexpr const char* with_header =
    R"({"version": 1, "intercept": [{"port": 11434}], "answer_header": true})";

class Logging : public test::OnAHost {
 protected:
  [[nodiscard]] std::string answer_to(std::string_view request) const {
    Client client = Client::connect(host(), at("127.0.0.1", models_port)).value();
    client.send(request);
    return client.receive_all();
  }
  static test::Finished tool(const AgentProcess& agent, std::vector<std::string> words) {
    std::vector<std::string> command{test::program("tasklane"), "--control", agent.control_socket()};
    command.insert(command.end(), words.begin(), words.end());
    return test::run_to_end({.command = std::move(command)});
  }
};

constexpr const char* chat_of_a_person =
    "POST /api/chat HTTP/1.1\r\nHost: model\r\nAuthorization: Bearer MARKERkey\r\nConnection: close\r\n"
    "Content-Length: 80\r\n\r\n"
    R"({"model":"m","messages":[{"role":"user","content":"MARKER prompt of a person"}]})";

TEST_F(Logging, IsJsonLinesWhereThatIsWantedAndHoldsNothingOfARequest) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host()}, with_header,
                     {"--log-format", "json", "--log-level", "debug"});
  ASSERT_TRUE(agent.steers()) << agent->err();
  const std::string answer = answer_to(chat_of_a_person);
  const auto note =
      answer.find("X-Tasklane: class=chat; lane=none; rule=none; certainty=none; id=1; waited=0.");
  EXPECT_NE(note, std::string::npos) << answer;
  EXPECT_TRUE(agent->wait_for_output("request 1: class=chat; lane=none")) << agent->err();
  EXPECT_THAT(tool(agent, {"stats", "--json"}).out, HasSubstr("\"last_request_id\": 1"));
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  EXPECT_THAT(agent->err(), Not(HasSubstr("MARKER")));
  EXPECT_THAT(agent->err(), Not(HasSubstr(body)));
  std::istringstream lines(agent->err());
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(nlohmann::json::parse(line, nullptr, false).contains("message")) << line;
}

TEST_F(Logging, IsTheJournalsFormWhereThatIsWantedAndItsLevelChangesAtRunTime) {
  const HttpModel model(host(), at("127.0.0.1", models_port));
  AgentProcess agent(Launch{.command = {}, .where = &host()}, test::steer_one_port,
                     {"--log-format", "journal"});
  ASSERT_TRUE(agent->wait_for_output("<6>steering port 11434")) << agent->err();
  EXPECT_THAT(answer_to(chat_of_a_person), Not(HasSubstr("X-Tasklane")));
  EXPECT_EQ(tool(agent, {"log-level", "debug"}).status, 0);
  EXPECT_THAT(answer_to(chat_of_a_person), HasSubstr("200 OK"));
  EXPECT_TRUE(agent->wait_for_output("<7>request 2: class=chat")) << agent->err();
  EXPECT_THAT(agent->err(), Not(HasSubstr("request 1:")));
  EXPECT_EQ(tool(agent, {"log-level", "loud"}).status, 2);
}

TEST(TheLog, SaysWhatIsSaidAgainAndAgainTenTimesAndThenHowOftenItWasNot) {
  LineLimit limit;
  const Time start = Time{} + std::chrono::hours(1);
  unsigned written = 0;
  for (int line = 0; line < 25; ++line)
    written += limit.judge("upstream 10.0.0." + std::to_string(line) + " is gone", start).written ? 1 : 0;
  EXPECT_EQ(written, 10u);
  EXPECT_TRUE(limit.judge("something else", start).written);
  const LineLimit::Verdict later = limit.judge("upstream 10.0.0.9 is gone", start + std::chrono::seconds(10));
  EXPECT_TRUE(later.written);
  EXPECT_EQ(later.left_out, 15u);
}

// Standard error of this program: a pipe that is read when the test wants to. Its log is the agent's.
class UnreadLog {
 public:
  UnreadLog() {
    EXPECT_EQ(::pipe2(pipe_.data(), O_NONBLOCK), 0);
    ::fcntl(pipe_[1], F_SETFL, 0);  // as a service manager leaves it: who writes waits
    ::dup2(pipe_[1], STDERR_FILENO);
    start_log(LogFormat::json);
    spdlog::set_level(spdlog::level::debug);
  }
  ~UnreadLog() {
    ::dup2(before_, STDERR_FILENO);
    spdlog::set_default_logger(logger_);
    for (const int each : {pipe_[0], pipe_[1], before_}) ::close(each);
  }
  UnreadLog(const UnreadLog&) = delete;
  UnreadLog& operator=(const UnreadLog&) = delete;
  std::string read() {
    std::string all;
    std::array<char, 65536> piece{};
    for (ssize_t got = 0; (got = ::read(pipe_[0], piece.data(), piece.size())) > 0;)
      all.append(piece.data(), static_cast<std::size_t>(got));
    return all;
  }

 private:
  std::array<int, 2> pipe_{};
  int before_ = ::dup(STDERR_FILENO);
  std::shared_ptr<spdlog::logger> logger_ = spdlog::default_logger();
};

TEST(TheLog, WaitsForNobodyWhoReadsItAndSaysAfterwardsWhatWasLost) {
  UnreadLog log;
  for (std::size_t line = 0; line < 5000; ++line) spdlog::debug("line {} {}", line, std::string(line, 'x'));
  EXPECT_THAT(log.read(), HasSubstr("line 12 xxxxxxxxxxxx\""));
  spdlog::info("read again");
  EXPECT_THAT(log.read(),
              testing::AllOf(HasSubstr("lines were lost, for nobody read them"), HasSubstr("read again")));
}

TEST(TheLog, TellsOfAFormOrLevelThatItDoesNotHave) {
  EXPECT_EQ(log_format_of("json").value(), LogFormat::json);
  EXPECT_THAT(log_format_of("xml").error().text(), HasSubstr("text, json or journal"));
  EXPECT_THAT(set_log_level("loud").error().text(), HasSubstr("debug, info, warning or error"));
}

}  // namespace
}  // namespace tasklane
