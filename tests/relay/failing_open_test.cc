// What nobody waits for ends at a word, and what somebody waits for is never cut by us.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

class OpenRelay : public LanesOnTheWire {
 protected:
  std::uint64_t in_flight(RequestClass request_class, const std::string& upstream) {
    return row(request_class, upstream).in_flight;
  }
  std::size_t running() {
    return in_relay([this] { return admission().running(); });
  }
};

// A server whose accept queue is full: the kernel drops what comes until there is room.
class FullServer {
 public:
  FullServer() {
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)));
    EXPECT_EQ(0, ::listen(fd_, 0));
    socklen_t length = sizeof(address_);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &length);
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      ::connect(fd, reinterpret_cast<sockaddr*>(&address_), sizeof(address_));
      filling_.emplace_back(fd);
    }
  }
  ~FullServer() { ::close(fd_); }
  FullServer(const FullServer&) = delete;
  FullServer& operator=(const FullServer&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port));
  }
  // Takes what fills the queue, and then who comes with a request.
  Peer accept_a_request() {
    filling_.clear();
    for (;;) {
      pollfd waits{fd_, POLLIN, 0};
      EXPECT_EQ(::poll(&waits, 1, 10000), 1) << "nobody came";
      Peer next(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
      if (!next.until("\r\n\r\n").empty()) return next;
    }
  }

 private:
  sockaddr_in address_{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::vector<Peer> filling_;
};

constexpr const char* short_patience = R"(, "limits": {"connect_timeout": "100ms"})";

TEST_F(OpenRelay, AChatWaitsForItsLastServerAsLongAsTheKernelDoes) {
  FullServer full;
  start(R"(, "upstreams": {"model": {"address": "original"}, "full": {"url": ")" + full.url() +
        R"("}}, "rules": [{"name": "all", "when": {"class": ["chat"]}, "then": {"route": ["full"]}}])" +
        short_patience);
  Peer person = client();
  person.send(chat);
  EXPECT_TRUE(person.quiet_for(milliseconds(400))) << "four times what an upstream has that is not the last";
  Peer server = full.accept_a_request();
  server.send(answer("{}"));
  EXPECT_TRUE(person.until("{}").starts_with("HTTP/1.1 200"));
}

TEST_F(OpenRelay, AClientThatLeavesWhileItsServerIsDialledLeavesNothingBehind) {
  FullServer full;
  start(R"(, "upstreams": {"model": {"address": "original"}, "full": {"url": ")" + full.url() +
        R"("}}, "rules": [{"name": "all", "when": {"class": ["chat"]}, "then": {"route": ["full"]}}])");
  Peer person = client();
  person.send(chat);
  ASSERT_TRUE(eventually([&] { return in_flight(RequestClass::chat, "full") == 1; }));
  person.reset();
  EXPECT_TRUE(eventually([&] { return in_flight(RequestClass::chat, "full") == 0 && running() == 0; }));
  EXPECT_TRUE(eventually([&] { return counters().open_connections == 0; }));
}

TEST_F(OpenRelay, OnlyTasksAreHungUpWhenTheirTimeToEndIsOver) {
  start_with(R"({"settle": "1h"})");
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  receive_request(server);
  Peer front_end = client();
  front_end.send(title());
  ASSERT_TRUE(eventually([&] { return in_flight(RequestClass::title, "model") == 1; }));
  hang_up_tasks();
  EXPECT_TRUE(front_end.sees_close());
  server.send(answer(R"({"done":true})"));
  EXPECT_TRUE(person.until("}").ends_with(R"({"done":true})")) << "a chat goes on to its end";
}

TEST_F(OpenRelay, BypassedWhatIsHeldGoesAtOnce) {
  start_with(R"({"settle": "1h", "max_wait": "2h"})");
  Peer front_end = client();
  front_end.send(title());
  ASSERT_FALSE(model.called_within(milliseconds(100)));
  bypass(true);
  Peer server = model.accept();
  EXPECT_EQ(receive_request(server)["model"], "big");
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(content_of(receive_answer(front_end)), R"({"title": "Rice"})");
}

TEST_F(OpenRelay, BypassedBehindAChatWhatIsHeldGoesAtOnce) {
  start_with(R"({"hold": true})");
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  receive_request(server);
  Peer front_end = client();
  front_end.send(title());
  ASSERT_FALSE(model.called_within(milliseconds(100)));
  bypass(true);
  Peer beside = model.accept();
  receive_request(beside);
  stream_answer(beside, R"({"title": "Rice"})");
  EXPECT_EQ(content_of(receive_answer(front_end)), R"({"title": "Rice"})");
}

TEST_F(OpenRelay, AServerThatNeverTellsItsSlotsIsNotWaitedForAtTheEnd) {
  start_with(R"({"hold": true})");
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  receive_request(server);
  server.send(answer("{}", "Server: llama.cpp\r\n"));
  person.until("{}");
  Peer asked = model.accept();  // for /props; it says nothing
  asked.until("\r\n\r\n");
  person.close();
  const auto begun = std::chrono::steady_clock::now();
  end();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(4));
  EXPECT_TRUE(asked.sees_close());
}

TEST_F(OpenRelay, WhereOthersHoldTheMemoryABodyStreamsThroughUnclassified) {
  start(R"(, "limits": {"memory": "1MiB"})");
  const std::string large(600u << 10, ' ');
  Peer first = client();
  first.send("POST /api/chat HTTP/1.1\r\nHost: m\r\nContent-Length: 200000\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return memory_held() >= 400000u; })) << "it has its place in advance";
  Peer second = client();
  second.send("POST /api/chat HTTP/1.1\r\nHost: m\r\nContent-Length: " + std::to_string(large.size()) +
              "\r\n\r\n");
  Peer server = model.accept();
  EXPECT_NE(server.until("\r\n\r\n"), "") << "the head goes on before the body has come";
  second.send(large);
  EXPECT_EQ(server.receive(large.size()).size(), large.size());
  server.send(answer("{}"));
  EXPECT_TRUE(second.until("{}").starts_with("HTTP/1.1 200"));
  EXPECT_EQ(counters().unclassified_large, 1u);
  first.reset();
  second.close();
  EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
}

}  // namespace
}  // namespace tasklane
