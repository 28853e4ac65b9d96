// A task model that is a process of its own, killed in every moment of a task: the chats' model answers,
// once. And another model of the chats' own server, which no task has loaded in its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"

namespace tasklane {
namespace {

using test::AgentProcess;
using test::at;
using test::Client;
using test::eventually;
using test::Launch;
using test::models_port;
using test::Namespace;
using test::Process;
using test::program;
using testing::HasSubstr;
using Json = nlohmann::json;

constexpr std::uint16_t task_port = 11435;

constexpr std::string_view to_the_task_model = R"({
  "version": 1, "intercept": [{"port": 11434}],
  "upstreams": {"model": {"address": "original"}, "task": {"url": "http://127.0.0.1:11435", "model": "small"}},
  "packs": ["open-webui"],
  "rules": [{"name": "tasks", "when": {"class": "title"},
             "then": {"route": ["task", "model"], "lane": "background", "settle": "0s", "quiet": "0s"}}]})";

constexpr std::string_view to_what_is_loaded = R"({
  "version": 1, "intercept": [{"port": 11434}],
  "upstreams": {"model": {"address": "original"},
                "small": {"address": "original", "model": "small", "only_if": "resident"}},
  "packs": ["open-webui"],
  "rules": [{"name": "tasks", "when": {"class": "title"},
             "then": {"route": ["small", "model"], "lane": "background", "settle": "0s", "quiet": "0s"}}]})";

class Upstreams : public test::OnAHost {
 protected:
  [[nodiscard]] std::unique_ptr<Process> simulator(std::uint16_t port, const std::vector<std::string>& more,
                                                   const std::string& load_seconds = "0.01") const {
    Launch launch;
    launch.command = {program("modelsim"), "--listen", "127.0.0.1:" + std::to_string(port),
                      "--prefill",         "100000",   "--load-time",
                      load_seconds};
    launch.command.insert(launch.command.end(), more.begin(), more.end());
    launch.where = &host();
    auto process = std::make_unique<Process>(launch);
    EXPECT_TRUE(process->wait_for_output("listening on")) << process->err();
    return process;
  }
  [[nodiscard]] Client ask_for_a_title() const {
    const Json body{{"model", "big"},
                    {"messages",
                     {{{"role", "user"},
                       {"content",
                        "### Task:\nGenerate a title.\n### Output:\nJSON format: { \"title\": \"your "
                        "title here\" }\n<chat_history>\nUSER: rice?\n</chat_history>"}}}},
                    {"stream", false},
                    {"max_tokens", 50}};
    Client client = Client::connect(host(), at("127.0.0.1", models_port)).value();
    client.send(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nX-OpenWebUI-Task: title_generation\r\n"
        "Connection: close\r\nContent-Length: " +
        std::to_string(body.dump().size()) + "\r\n\r\n" + body.dump());
    return client;
  }
  [[nodiscard]] Client ask_for_a_chat(const std::string& name, int tokens = 2) const {
    const std::string chat = R"({"model":")" + name + R"(","stream":false,"max_tokens":)" +
                             std::to_string(tokens) +
                             R"(,"messages":[{"role":"user","content":"Good morning!"}]})";
    Client person = Client::connect(host(), at("127.0.0.1", models_port)).value();
    person.send("POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: " +
                std::to_string(chat.size()) + "\r\n\r\n" + chat);
    return person;
  }
  // All that came, to the connection's end: a second answer would stand behind the first.
  static void is_answered_once(Client& client) {
    const std::string all = client.receive_all();
    EXPECT_THAT(all, testing::StartsWith("HTTP/1.1 200 "));
    const Json answer = Json::parse(all.substr(all.find("\r\n\r\n") + 4), nullptr, false);
    EXPECT_FALSE(answer.is_discarded()) << all;
    EXPECT_TRUE(answer.contains("choices")) << all;
  }
  // What a simulator says that it was asked to generate.
  [[nodiscard]] Json log_of(std::uint16_t port) const {
    Client client = Client::connect(host(), at("127.0.0.1", port)).value();
    client.send("GET /sim/log HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n");
    const std::string all = client.receive_all();
    Json generations = Json::array();
    const Json log = Json::parse(all.substr(all.find("\r\n\r\n") + 4), nullptr, false);
    if (!log.is_object()) return generations;
    for (const Json& each : log["requests"])
      if (each.value("target", each.value("path", "")).find("completions") != std::string::npos)
        generations.push_back(each);
    return generations;
  }
};

struct Moment {
  std::string name;
  std::vector<std::string> simulator;
  bool stopped = false;      // before it accepts
  bool first_token = false;  // else once the request was read
};
class Killed : public Upstreams, public testing::WithParamInterface<Moment> {};

TEST_P(Killed, TheChatsModelAnswersOnceAndTheNextTaskToo) {
  const auto model = simulator(models_port, {"--model", "big"});
  auto task = simulator(task_port, GetParam().simulator);
  AgentProcess agent(host(), to_the_task_model);
  ASSERT_TRUE(agent.steers()) << agent->err();
  if (GetParam().stopped) task->signal(SIGSTOP);
  Client client = ask_for_a_title();
  if (GetParam().stopped) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // it stands in the queue of connections
  } else {
    EXPECT_TRUE(eventually([&] {
      const Json log = log_of(task_port);
      if (log.empty()) return false;
      return !GetParam().first_token ||
             (log[0].contains("t_first_token") && !log[0]["t_first_token"].is_null());
    })) << log_of(task_port);
  }
  task->signal(SIGKILL);
  is_answered_once(client);
  EXPECT_EQ(1, log_of(models_port).size());
  Client next = ask_for_a_title();
  is_answered_once(next);
  EXPECT_EQ(2, log_of(models_port).size());
}
INSTANTIATE_TEST_SUITE_P(Moments, Killed,
                         testing::Values(Moment{"BeforeItAccepts", {"--model", "small"}, true},
                                         Moment{"BehindTheRequest", {"--model", "small", "--hang"}},
                                         Moment{"InMidBody",
                                                {"--model", "small", "--flavour", "llama", "--decode", "2"},
                                                false,
                                                true}),
                         [](const auto& each) { return each.param.name; });

TEST_F(Upstreams, OneThatGoesAndComesBackIsALineInTheLogEachAndNoTaskPaysForIt) {
  const auto model = simulator(models_port, {"--model", "big"});
  auto task = simulator(task_port, {"--model", "small"});
  AgentProcess agent(host(), to_the_task_model);
  ASSERT_TRUE(agent.steers()) << agent->err();
  Client first = ask_for_a_title();
  is_answered_once(first);
  EXPECT_EQ(1, log_of(task_port).size());
  task.reset();
  const bool told = agent->wait_for_output("upstream 'task' is down") ||
                    agent->wait_for_output("upstream 'task' is down");  // it is asked every 15 s
  EXPECT_TRUE(told) << "nobody had to ask it for that";
  Client second = ask_for_a_title();
  is_answered_once(second);
  EXPECT_EQ(1, log_of(models_port).size());
  task = simulator(task_port, {"--model", "small"});
  EXPECT_TRUE(agent->wait_for_output("upstream 'task' is up again"));
  Client third = ask_for_a_title();
  is_answered_once(third);
  EXPECT_EQ(1, log_of(task_port).size());
}

TEST_F(Upstreams, NoTaskHasAModelLoadedInPlaceOfTheChats) {
  const auto model = simulator(models_port, {"--model", "big", "--model", "small", "--max-loaded", "1"});
  AgentProcess agent(host(), to_what_is_loaded);
  ASSERT_TRUE(agent.steers()) << agent->err();
  for (int i = 0; i < 3; ++i) {
    Client client = ask_for_a_title();
    is_answered_once(client);
  }
  const Json log = log_of(models_port);
  ASSERT_EQ(3, log.size());
  for (const Json& each : log) EXPECT_EQ("big", each.value("model", ""));
}

TEST_F(Upstreams, WhereBothAreLoadedTheSmallOneIsAsked) {
  const auto model = simulator(models_port, {"--model", "big", "--model", "small", "--max-loaded", "2"});
  AgentProcess agent(host(), to_what_is_loaded);
  ASSERT_TRUE(agent.steers()) << agent->err();
  Client person = ask_for_a_chat("small");
  is_answered_once(person);
  Client client = ask_for_a_title();
  is_answered_once(client);
  const Json log = log_of(models_port);
  ASSERT_EQ(2, log.size());
  EXPECT_EQ("small", log[1].value("model", ""));
}

constexpr std::string_view with_priorities = R"({
  "version": 1, "intercept": [{"port": 11434}],
  "upstreams": {"model": {"address": "original", "engine": "vllm", "priority_scheduling": true}},
  "packs": ["open-webui"],
  "rules": [{"name": "tasks", "when": {"class": "title"}, "then": {"lane": "background"}}]})";

class WithPriorities : public Upstreams {
 protected:
  [[nodiscard]] std::unique_ptr<Process> model(const std::string& priorities) const {
    return simulator(models_port, {"--flavour", "llama", "--slots", "4", "--model", "big", "--decode", "20",
                                   "--priority", priorities});
  }
  // A chat that is being answered for three seconds, and a title that comes meanwhile; both are answered.
  [[nodiscard]] Json chat_and_title() const {
    Client person = ask_for_a_chat("big", 60);
    EXPECT_TRUE(eventually([&] {
      const Json log = log_of(models_port);
      return !log.empty() && !log[0].value("t_first_token", Json()).is_null();
    }));
    Client task = ask_for_a_title();
    is_answered_once(task);
    is_answered_once(person);
    return log_of(models_port);
  }
};

TEST_F(WithPriorities, ATaskGoesBesideTheChatWhereTheServerHeedsThem) {
  const auto server = model("heeded");
  AgentProcess agent(host(), with_priorities);
  ASSERT_TRUE(agent.steers()) << agent->err();
  const Json log = chat_and_title();
  ASSERT_EQ(2, log.size()) << log;
  EXPECT_LT(log[1]["t_started"].get<double>(), log[0]["t_done"].get<double>());
}

TEST_F(WithPriorities, ATaskWaitsForTheChatWhereTheServerRefusesThemAndTheLogSaysWhy) {
  const auto server = model("refused");
  AgentProcess agent(host(), with_priorities);
  ASSERT_TRUE(agent.steers()) << agent->err();
  const Json log = chat_and_title();
  ASSERT_GE(log.size(), 2) << log;
  EXPECT_GE(log.back()["t_started"].get<double>(), log[0]["t_done"].get<double>());
  EXPECT_TRUE(agent->wait_for_output("a server refuses the priorities of tasks"));
}

// What stands before several models and swaps them, each swap at a cost.
class Swapping : public Upstreams, public testing::WithParamInterface<std::string> {
 protected:
  [[nodiscard]] std::unique_ptr<Process> router(const std::string& most) const {
    return simulator(models_port,
                     {"--router", GetParam(), "--flavour", "llama", "--slots", "1", "--model", "big",
                      "--model", "small", "--max-loaded", most},
                     "0.3");
  }
  void chats(const std::string& name) const {
    Client person = ask_for_a_chat(name);
    is_answered_once(person);
  }
  // Which model each request was for, in the order in which they came.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> names;
    for (const Json& each : log_of(models_port)) names.push_back(each.value("model", ""));
    return names;
  }
};

TEST_P(Swapping, NoTaskEverCausesASwap) {
  const auto model = router("1");
  AgentProcess agent(host(), to_what_is_loaded);
  ASSERT_TRUE(agent.steers()) << agent->err();
  chats("big");
  for (int i = 0; i < 2; ++i) {
    Client task = ask_for_a_title();
    is_answered_once(task);
  }
  EXPECT_EQ((std::vector<std::string>{"big", "big", "big"}), asked());
}

TEST_P(Swapping, ATaskThatComesWhileAChatHasItsModelLoadedWaitsForThatAndGoesToIt) {
  const auto model = router("1");
  AgentProcess agent(host(), to_what_is_loaded);
  ASSERT_TRUE(agent.steers()) << agent->err();
  chats("small");
  Client person = ask_for_a_chat("big");
  EXPECT_TRUE(eventually([&] { return asked().size() == 2; }));
  Client task = ask_for_a_title();
  is_answered_once(person);
  is_answered_once(task);
  const std::vector<std::string> names = asked();
  ASSERT_EQ(3, names.size());
  EXPECT_EQ("big", names[1]);
  EXPECT_EQ("big", names[2]) << "a swap back would have cost the next chat another";
}

TEST_P(Swapping, WhereBothAreLoadedTheSmallOneIsAsked) {
  const auto model = router("2");
  AgentProcess agent(host(), to_what_is_loaded);
  ASSERT_TRUE(agent.steers()) << agent->err();
  chats("big");
  chats("small");
  Client task = ask_for_a_title();
  is_answered_once(task);
  EXPECT_EQ((std::vector<std::string>{"big", "small", "small"}), asked());
}
INSTANTIATE_TEST_SUITE_P(Routers, Swapping, testing::Values("llama-swap", "llama-server"),
                         [](const auto& each) {
                           return each.param == "llama-swap" ? "LlamaSwap" : "LlamaServer";
                         });

// Answers each request as Ollama does a prompt of which its context held a hundred tokens.
class CuttingModel {
 public:
  explicit CuttingModel(const Namespace& where)
      : listener_(test::listen_in(where, at("127.0.0.1", models_port))), thread_([this] { serve(); }) {}
  ~CuttingModel() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve() {
    for (;;) {
      UniqueFd next(::accept(listener_.get(), nullptr, nullptr));
      if (!next) return;
      Client client(std::move(next));
      std::size_t length = 0;
      for (std::string line = client.receive_line(); !line.empty() && line != "\r";
           line = client.receive_line())
        if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
      client.receive(length);
      const std::string said =
          R"({"model":"big","message":{"role":"assistant","content":"Yes."},"done":true,"done_reason":"stop",)"
          R"("prompt_eval_count":100,"prompt_eval_duration":5000000,"eval_count":2,"eval_duration":50000000})"
          "\n";
      client.send(
          "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\nContent-Length: " +
          std::to_string(said.size()) + "\r\n\r\n" + said);
    }
  }

  UniqueFd listener_;
  std::thread thread_;
};

TEST_F(Upstreams, AChatOfWhichTheModelReadAPartAloneIsTold) {
  const CuttingModel model(host());
  AgentProcess agent(host(), R"({"version": 1, "intercept": [{"port": 11434}], "packs": ["open-webui"],
      "upstreams": {"model": {"address": "original", "graft": true}}, "rules": []})");
  ASSERT_TRUE(agent.steers()) << agent->err();
  std::string question;
  for (int i = 0; i < 3000; ++i) question += "word" + std::to_string(i) + " ";
  const std::string body =
      Json{{"model", "big"}, {"stream", true}, {"messages", {{{"role", "user"}, {"content", question}}}}}
          .dump();
  Client client = Client::connect(host(), at("127.0.0.1", models_port)).value();
  client.send("POST /api/chat HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client.receive_all(), HasSubstr("Yes."));
  Launch stats;
  stats.command = {program("tasklane"), "--control", agent.control_socket(), "stats"};
  EXPECT_THAT(test::run_to_end(stats).out,
              HasSubstr("cut prompts: 1 of client 127.0.0.1 to model big, the last of at least "));
}

}  // namespace
}  // namespace tasklane
