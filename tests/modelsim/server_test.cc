// The simulated model server on real sockets: what clients of the real ones rely on, or stumble over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/support/process.h"
#include "tests/support/requirements.h"
#include "tests/support/sockets.h"

namespace tasklane {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;
using test::Client;
using test::Launch;
using test::Namespace;
using test::Process;

const std::string title_prompt =
    "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { "
    "\"title\": "
    "\"your concise title here\" }\n### Chat History:\n<chat_history>\nUSER: rice?\nASSISTANT: "
    "\n</chat_history>";

struct Reply {
  std::string head;
  std::string body;
};

class Modelsim : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    host_.emplace();
  }
  void start(std::vector<std::string> options) {
    std::vector<std::string> command{TASKLANE_BUILD_DIR "/bin/modelsim", "--listen", "127.0.0.1:11434",
                                     "--speed", "50"};
    command.insert(command.end(), options.begin(), options.end());
    Launch launch;
    launch.command = command;
    launch.where = &*host_;
    server_ = std::make_unique<Process>(launch);
    ASSERT_TRUE(test::wait_for_listener(*host_, 11434)) << server_->err();
  }
  [[nodiscard]] Client client() const {
    return Client::connect(*host_, test::at("127.0.0.1", 11434)).value();
  }

  static std::string request(const std::string& method, const std::string& path,
                             const std::string& body = "") {
    return method + " " + path +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }
  static std::string chat(const std::string& text, bool stream) {
    return Json{{"model", "sim"}, {"messages", {{{"role", "user"}, {"content", text}}}}, {"stream", stream}}
        .dump();
  }
  static Reply receive(Client& from) {
    Reply reply;
    std::string line;
    std::size_t length = 0;
    bool chunked = false;
    while ((line = from.receive_line()) != "\r" && !line.empty()) {
      if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
      if (line.starts_with("Transfer-Encoding: chunked")) chunked = true;
      reply.head += line + "\n";
    }
    if (!chunked) reply.body = from.receive(length);
    while (chunked) {
      const std::size_t size = std::stoul(from.receive_line(), nullptr, 16);
      reply.body += from.receive(size);
      from.receive_line();
      if (size == 0) break;
    }
    return reply;
  }
  [[nodiscard]] Reply ask(const std::string& method, const std::string& path,
                          const std::string& body = "") const {
    Client one = client();
    one.send(request(method, path, body));
    return receive(one);
  }

 private:
  std::optional<Namespace> host_;
  std::unique_ptr<Process> server_;
};

TEST_F(Modelsim, AsOllamaServesBothDialectsAndStaysOpen) {
  start({"--flavour", "ollama", "--answer-tokens", "5"});
  Client one = client();
  for (const bool stream : {true, false}) {
    one.send(request("POST", "/api/chat", chat("hello", stream)));
    const Reply reply = receive(one);
    EXPECT_THAT(reply.head, StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(reply.body, HasSubstr("\"done\":true"));
    EXPECT_THAT(reply.body, HasSubstr("prompt_eval_count"));
  }
  one.send(request("POST", "/v1/chat/completions", chat("hello", true)));
  EXPECT_THAT(receive(one).body, HasSubstr("data: [DONE]"));
  for (const char* path : {"/api/tags", "/api/version", "/api/ps", "/v1/models"})
    EXPECT_THAT(ask("GET", path).head, StartsWith("HTTP/1.1 200")) << path;
  EXPECT_THAT(ask("POST", "/api/show", R"({"model":"sim"})").head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("GET", "/props").head, StartsWith("HTTP/1.1 404"));
}

TEST_F(Modelsim, AsLlamaServerClosesBehindAStreamAndNotBehindOtherAnswers) {
  start({"--flavour", "llama", "--answer-tokens", "5"});
  Client streamed = client();
  streamed.send(request("POST", "/v1/chat/completions", chat("hello", true)));
  EXPECT_THAT(receive(streamed).body, HasSubstr("data: [DONE]"));
  EXPECT_EQ(streamed.receive_all(), "") << "the connection ends";
  Client kept = client();
  for (int i = 0; i < 2; ++i) {
    kept.send(request("POST", "/v1/chat/completions", chat("hello", false)));
    EXPECT_THAT(receive(kept).body, HasSubstr("\"timings\""));
  }
  for (const char* path : {"/health", "/slots", "/props", "/v1/models"})
    EXPECT_THAT(ask("GET", path).head, StartsWith("HTTP/1.1 200")) << path;
  EXPECT_EQ(Json::parse(ask("GET", "/props").body)["total_slots"], 4);
  EXPECT_EQ(Json::parse(ask("GET", "/slots").body).size(), 4u);
}

TEST_F(Modelsim, AnswersATitleInJsonAndTheSameForTheSameSeed) {
  start({"--seed", "7"});
  const auto title = [&] {
    return Json::parse(ask("POST", "/api/chat", chat(title_prompt, false)).body)["message"]["content"]
        .get<std::string>();
  };
  const std::string first = title();
  EXPECT_TRUE(Json::parse(first).contains("title")) << first;
  EXPECT_EQ(title(), first);
}

TEST_F(Modelsim, AnswersInProseWhereAskedToButKeepsASchema) {
  start({"--prose"});
  const Json plain = Json::parse(ask("POST", "/api/chat", chat(title_prompt, false)).body);
  EXPECT_FALSE(Json::accept(plain["message"]["content"].get<std::string>()));
  Json body = Json::parse(chat(title_prompt, false));
  body["format"] =
      Json::parse(R"({"type":"object","properties":{"title":{"type":"string"}},"required":["title"]})");
  const Json formed = Json::parse(ask("POST", "/api/chat", body.dump()).body);
  EXPECT_TRUE(Json::parse(formed["message"]["content"].get<std::string>()).contains("title"));
}

TEST_F(Modelsim, ReportsWhatItDid) {
  start({"--answer-tokens", "400"});
  Client gone = client();
  gone.send(request("POST", "/api/chat", chat("hello", true)));
  gone.receive_line();
  gone.close();
  EXPECT_TRUE(test::eventually([&] {
    const Json log = Json::parse(ask("GET", "/sim/log").body);
    return log["requests"].size() == 1 &&
           log["requests"][0].dump().find("cancelled_decode") != std::string::npos;
  })) << ask("GET", "/sim/log").body;
}

TEST_F(Modelsim, OnLoopbackRefusesAForeignHostAsOllamaDoes) {
  start({"--check-host"});
  Client one = client();
  one.send("GET /api/tags HTTP/1.1\r\nHost: example.com\r\n\r\n");
  EXPECT_THAT(receive(one).head, StartsWith("HTTP/1.1 403"));
}

}  // namespace
}  // namespace tasklane
