// A large or packed body is read beside the event loop: meanwhile others are served, and whoever leaves,
// bypasses or ends is heard.
#include <gtest/gtest.h>

#include "relay/relay_fixture.h"
#include "tools/support/gzip.h"
#include "userspace/wire/side_thread.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

constexpr auto a_moment = 50ms;

std::string chat_of(std::size_t size) {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(size, 'x') + R"("}]})";
}

const std::string large = post("/api/chat", chat_of(200 << 10));
const std::string small = post("/api/chat", chat_of(10));
const std::string packed_one = post("/api/chat", gzipped(chat_of(1000)), "Content-Encoding: gzip\r\n");

class LargeBodies : public RelayTest {
 protected:
  // Chats go to the task model, which shows that they were read.
  void start_redirecting(const std::string& then = R"("route": ["task"])") {
    start(R"(, "upstreams": {"task": {"url": ")" + task.url() +
          R"("}}, "rules": [{"name": "all", "when": {"model": "m"}, "then": {)" + then + "}}]");
  }
  void expect_at(Server& server, const std::string& request) {
    Peer asked = server.accept();
    EXPECT_TRUE(asked.until("\r\n\r\n").starts_with("POST /api/chat"));
    const std::string body = request.substr(request.find("\r\n\r\n") + 4);
    EXPECT_TRUE(body == asked.receive(body.size()));
  }
};

TEST_F(LargeBodies, AreReadAndPassedOnByteForByte) {
  start_redirecting();
  for (const std::string& request : {post("/api/chat", chat_of(8 << 20)), packed_one}) {
    Peer person = client();
    std::thread sends([&] { person.send(request); });
    expect_at(task, request);
    sends.join();
  }
  EXPECT_EQ(0u, counters().unclassified_large);
}

TEST_F(LargeBodies, AreReadWhileOthersAreServed) {
  start_redirecting();
  for (const std::string& request : {large, packed_one}) {
    Occupied occupied(*this, 1);
    Peer person = client();
    person.send(request);
    EXPECT_FALSE(task.called_within(a_moment)) << "it is not read by the event loop";
    Peer other = client();
    other.send(small);
    expect_at(task, small);
    occupied.end();
    expect_at(task, request);
  }
}

TEST_F(LargeBodies, AreWrittenAnewBesideTheEventLoopToo) {
  start_redirecting(R"("patch": {"keep_alive": 7})");
  Peer person = client();
  person.send(large);
  Peer server = model.accept();
  const std::string head = server.until("\r\n\r\n");
  const std::string body = server.receive(200 << 10);
  EXPECT_TRUE(body.starts_with(R"({"model":"m")"));
}

TEST_F(LargeBodies, PassUnreadWhereMoreIsBeingReadThanIsWorthWaitingFor) {
  start_redirecting();
  const Occupied occupied(*this, SideThread::most_at_once);
  Peer person = client();
  person.send(large);
  expect_at(model, large);
  EXPECT_EQ(1u, counters().unclassified_large);
}

TEST_F(LargeBodies, OfAClientThatHasLeftMeanwhileAreNotAskedFor) {
  start_redirecting();
  Occupied occupied(*this, 1);
  Peer person = client();
  person.send(large);
  ASSERT_TRUE(eventually([&] { return memory_held() > large.size(); }));
  person.reset();
  occupied.end();
  EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
  EXPECT_FALSE(task.called_within(0ms));
}

TEST_F(LargeBodies, PassUntouchedOnceBypassed) {
  start_redirecting();
  Occupied occupied(*this, 1);
  Peer person = client();
  person.send(large);
  ASSERT_FALSE(task.called_within(a_moment));
  bypass(true);
  occupied.end();
  expect_at(model, large);
}

TEST_F(LargeBodies, AreAnsweredBeforeTheRelayEnds) {
  start_redirecting();
  Occupied occupied(*this, 1);
  Peer person = client();
  person.send(large);
  ASSERT_FALSE(task.called_within(a_moment));
  finish();
  occupied.end();
  Peer server = task.accept();
  server.until("\r\n\r\n");
  server.send(answer("{}"));
  EXPECT_TRUE(person.until("{}").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(person.sees_close());
}

}  // namespace
}  // namespace tasklane
