// The system may take as long as it likes over a name: whoever leaves meanwhile does not wait for it.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <cstring>
#include <future>

#include "relay/relay_fixture.h"

namespace {

std::shared_future<void>* resolver_freed = nullptr;  // set while a name that ends in .slow takes its time

}  // namespace

// In place of the system's, which it asks for every other name.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  const std::string_view asked = name == nullptr ? "" : name;
  if (asked.ends_with(".slow") && resolver_freed != nullptr) {
    resolver_freed->wait();
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto systems = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return systems(name, service, hints, found);
}

namespace tasklane {
namespace {

class Resolving : public RelayTest {
 protected:
  void SetUp() override { resolver_freed = &is_free_; }
  void TearDown() override {
    freed_.set_value();
    RelayTest::TearDown();
    resolver_freed = nullptr;
  }

 private:
  std::promise<void> freed_;
  std::shared_future<void> is_free_ = freed_.get_future().share();
};

TEST_F(Resolving, AClientThatLeavesIsNotWaitedFor) {
  original = "http://model.slow:11434";
  start();
  Peer person = client();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return resolving() == 1; }));
  EXPECT_NE(under_way(), 0u);
  person.reset();
  EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
  EXPECT_EQ(resolving(), 1u) << "and the system is still asked";
}

TEST_F(Resolving, AFurtherClientWaitsForItsOwnAnswerAlone) {
  start(R"(, "upstreams": {"task": {"url": "http://task.slow:1"}},
           "rules": [{"name": "x", "when": {"path": "/slow"}, "then": {"route": ["task"]}}])");
  Peer waits = client();
  waits.send("GET /slow HTTP/1.1\r\nHost: m\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return resolving() == 1; }));
  Peer person = client();
  person.send("GET /x HTTP/1.1\r\nHost: m\r\n\r\n");
  EXPECT_TRUE(model.accept().until("\r\n\r\n").starts_with("GET /x"));
  waits.reset();
}

}  // namespace
}  // namespace tasklane
