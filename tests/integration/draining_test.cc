// An agent that is told to end while clients go on asking: not a request is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::Client;
using test::eventually;
using test::models_port;
using test::Namespace;
using testing::HasSubstr;

constexpr std::string_view question = "GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n";
constexpr std::string_view short_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

// A model that keeps its connections, and answers each request at once; what begins with POST in twenty
// parts.
class KeepingModel {
 public:
  explicit KeepingModel(const Namespace& where)
      : listener_(test::listen_in(where, at("127.0.0.1", models_port))) {
    thread_ = std::thread([this] { take(); });
  }
  ~KeepingModel() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    for (std::thread& each : serving_) each.join();
  }

 private:
  void take() {
    for (;;) {
      UniqueFd next(::accept(listener_.get(), nullptr, nullptr));
      if (!next) return;
      serving_.emplace_back([socket = Client(std::move(next))]() mutable { serve(socket); });
    }
  }
  static void serve(Client& client) {
    for (;;) {
      const std::string first = client.receive_line();
      if (first.empty()) return;
      while (client.receive_line() != "\r") continue;
      if (!first.starts_with("POST")) {
        client.send(short_answer);
        continue;
      }
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
      for (int part = 0; part < 20; ++part) {
        client.send("x");
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
      }
    }
  }

  UniqueFd listener_;
  std::vector<std::thread> serving_;
  std::thread thread_;
};

// The head of the next answer, and its body; empty: none came.
std::string whole_answer(Client& client) {
  std::string head;
  std::size_t length = 0;
  for (std::string line; (line = client.receive_line()) != "\r"; head += line + "\n") {
    if (line.empty()) return "";
    if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
  }
  const std::string body = client.receive(length);
  return body.size() == length ? head + body : "";
}

class Draining : public test::OnAHost {
 protected:
  [[nodiscard]] Client connected() const {
    return Client::connect(host(), at("127.0.0.1", models_port)).value();
  }
};

TEST_F(Draining, ARequestOnAConnectionThatWasIdleIsAnsweredAndToldToBeTheLast) {
  const KeepingModel model(host());
  AgentProcess agent(host());
  ASSERT_TRUE(agent.steers()) << agent->err();
  Client client = connected();
  client.send(question);
  EXPECT_THAT(whole_answer(client), testing::Not(HasSubstr("Connection: close")));
  agent->signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return ::access(agent.control_socket().c_str(), F_OK) != 0; }))
      << "it winds down";
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // past all that it does at once
  client.send(question);
  EXPECT_THAT(whole_answer(client), testing::AllOf(HasSubstr("Connection: close"), testing::EndsWith("{}")));
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(agent->wait(), 0);
}

TEST_F(Draining, NothingIsLostWhileClientsAskOnKeptAndNewConnectionsAndReadStreams) {
  const KeepingModel model(host());
  auto agent = std::make_unique<AgentProcess>(host());
  ASSERT_TRUE(agent->steers()) << (*agent)->err();
  std::atomic<bool> stop = false;
  std::atomic<int> asked = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> clients;
  const auto note = [&](const std::string& answer, std::string_view end) {
    ++asked;
    if (!answer.ends_with(end)) ++lost;
  };
  for (int each = 0; each < 8; ++each)
    clients.emplace_back([&, kept = each % 2 == 0] {
      std::optional<Client> client;
      while (!stop) {
        if (!client) client = connected();
        client->send(question);
        const std::string answer = whole_answer(*client);
        note(answer, "{}");
        if (!kept || answer.empty() || answer.find("Connection: close") != std::string::npos) client.reset();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
  for (int each = 0; each < 20; ++each)
    clients.emplace_back([&] {
      Client client = connected();
      while (!stop) {
        client.send("POST /api/other HTTP/1.1\r\nHost: model\r\nContent-Length: 0\r\n\r\n");
        const std::string answer = whole_answer(client);
        note(answer, std::string(20, 'x'));
        if (answer.empty() || answer.find("Connection: close") != std::string::npos) client = connected();
      }
    });
  for (int restart = 0; restart < 2; ++restart) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    (*agent)->signal(SIGTERM);
    EXPECT_EQ((*agent)->wait(), 0) << (*agent)->err();
    agent = std::make_unique<AgentProcess>(host());
    EXPECT_TRUE(agent->steers()) << (*agent)->err();
  }
  stop = true;
  for (std::thread& each : clients) each.join();
  EXPECT_GT(asked, 200);
  EXPECT_EQ(lost, 0) << "of " << asked;
}

}  // namespace
}  // namespace tasklane
