// A real browser whose page, of another origin, asks the model itself, as Open WebUI's direct connections do.
// Each answer must reach the page, whoever made it: the model server, Tasklane out of a stream, or Tasklane
// alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tests/support/agent.h"
#include "tests/support/requirements.h"
#include "tests/support/sockets.h"

namespace tasklane {
namespace {

using nlohmann::json;
using test::AgentProcess;
using test::at;
using test::Launch;
using test::Namespace;
using test::Process;

constexpr const char* browser = "/usr/bin/chromium";  // Debian: chromium

struct Asked {
  std::string head;
  std::string body;
  [[nodiscard]] bool is(std::string_view line) const { return head.starts_with(line); }
  [[nodiscard]] std::string field(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

// Answers each request on a connection of its own, side by side.
class SmallServer {
 public:
  using Answer = std::function<std::string(const Asked&)>;

  SmallServer(const Namespace& where, std::uint16_t port, Answer answer)
      : answer_(std::move(answer)),
        listener_(test::listen_in(where, at("127.0.0.1", port))),
        thread_([this] { accept_all(); }) {}
  ~SmallServer() {
    stop_ = true;
    thread_.join();
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

 private:
  void accept_all() {
    std::vector<std::thread> guests;
    while (!stop_) {
      if (!readable(listener_.get())) continue;
      UniqueFd guest(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (guest) guests.emplace_back([this, fd = std::move(guest)] { serve(fd.get()); });
    }
    for (std::thread& each : guests) each.join();
  }
  static bool readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, 50) == 1;
  }
  void serve(int fd) const {
    Asked asked;
    std::string all;
    std::size_t end = std::string::npos;
    const auto whole = [&] {
      end = all.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      asked.head = all.substr(0, end + 4);
      const std::string length = asked.field("Content-Length");
      return all.size() >= end + 4 + (length.empty() ? 0 : std::stoul(length));
    };
    while (!stop_ && !whole()) {
      if (!readable(fd)) continue;
      std::array<char, 16384> part{};
      const ssize_t got = ::recv(fd, part.data(), part.size(), 0);
      if (got <= 0) return;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    if (stop_) return;
    asked.body = all.substr(end + 4);
    const std::string answer = answer_(asked);
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
  }

  Answer answer_;
  UniqueFd listener_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::string http(const std::string& type, const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\n" + fields +
         "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A model server that lets pages of any origin ask it.
std::string model_answers(const Asked& asked) {
  const std::string cors = "Access-Control-Allow-Origin: " + asked.field("Origin") + "\r\nVary: Origin\r\n";
  if (asked.is("OPTIONS"))
    return "HTTP/1.1 204 No Content\r\n" + cors +
           "Access-Control-Allow-Methods: POST\r\nAccess-Control-Allow-Headers: content-type\r\n"
           "Connection: close\r\n\r\n";
  const bool title = asked.body.find("### Task:") != std::string::npos;
  const std::string text = title ? R"({"title": "Boiling rice"})" : "With water.";
  const auto chunk = [](const json& delta, const json& reason) {
    return "data: " +
           json{{"id", "c"},
                {"model", "m"},
                {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", reason}}}}}
               .dump() +
           "\n\n";
  };
  return http("text/event-stream",
              chunk({{"role", "assistant"}, {"content", text}}, nullptr) + chunk(json::object(), "stop") +
                  "data: [DONE]\n\n",
              cors + "X-Request-Id: 7\r\n");
}

// Asks for a chat, a title and tags one after the other, and tells its own server what it could read.
constexpr const char* page = R"html(<!doctype html><meta charset="utf-8"><script>
const task = (wish, contract) => ({model: "m", messages: [{role: "user", content:
  "### Task:\n" + wish + "\n### Output:\n" + contract + "\n### Chat History:\n<chat_history>\nUSER: How do I cook rice?\n</chat_history>"}],
  stream: false});
async function ask(body) {
  try {
    const answer = await fetch("http://127.0.0.1:11434/v1/chat/completions",
      {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
    return await answer.text();
  } catch (error) { return "not readable: " + error; }
}
(async () => {
  const chat = await ask({stream: true, model: "m", messages: [{role: "user", content: "How do I cook rice?"}]});
  const title = await ask(task("Name the chat.", '{ "title": "..." }'));
  const tags = await ask(task("Tag the chat.", '{ "tags": ["..."] }'));
  await fetch("/report", {method: "POST", body: JSON.stringify({chat, title, tags})});
})();
</script>)html";

class InABrowser : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    if (::access(browser, X_OK) != 0) GTEST_SKIP() << "needs a browser: " << browser << " (Debian: chromium)";
  }
  std::string page_answers(const Asked& asked) {
    if (!asked.is("POST /report")) return http("text/html", page);
    const std::lock_guard lock(mutex_);
    report_ = json::parse(asked.body, nullptr, false);
    reported_.notify_all();
    return http("text/plain", "thanks");
  }
  // What the page could read; null where it told nothing.
  json wait_for_report() {
    std::unique_lock lock(mutex_);
    reported_.wait_for(lock, std::chrono::seconds(90), [this] { return !report_.is_null(); });
    return report_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable reported_;
  json report_;
};

TEST_F(InABrowser, APageOfAnotherOriginReadsItsChatItsTitleAndItsTags) {
  const Namespace host;
  const SmallServer model(host, 11434, model_answers);
  const SmallServer front_end(host, 8080, [this](const Asked& asked) { return page_answers(asked); });
  AgentProcess agent(host, R"({"version": 1, "intercept": [{"port": 11434}],
    "upstreams": {"model": {"address": "original"}}, "packs": ["open-webui"], "rules": [
      {"name": "tags", "when": {"class": "tags"}, "then": {"lane": "background", "answer": true}},
      {"name": "titles", "when": {"class": "title"},
       "then": {"lane": "background", "constrain": true, "settle": "0s", "quiet": "0s"}}]})");
  ASSERT_TRUE(agent.steers()) << agent->err();
  const test::TemporaryFolder profile;
  Process chromium(
      Launch{.command = {browser, "--headless=new", "--no-sandbox", "--disable-gpu",
                         "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                         "--user-data-dir=" + profile.path().string(), "http://127.0.0.1:8080/"},
             .where = &host});
  const json report = wait_for_report();
  ASSERT_TRUE(report.is_object()) << chromium.err();
  EXPECT_THAT(report.value("chat", ""), testing::HasSubstr("With water."));
  const json title = json::parse(report.value("title", ""), nullptr, false);
  ASSERT_TRUE(title.is_object()) << report;
  EXPECT_EQ(title["choices"][0]["message"]["content"], R"({"title": "Boiling rice"})");
  const json tags = json::parse(report.value("tags", ""), nullptr, false);
  ASSERT_TRUE(tags.is_object()) << report;
  EXPECT_EQ(tags["choices"][0]["message"]["content"], R"({"tags":[]})");
}

}  // namespace
}  // namespace tasklane
