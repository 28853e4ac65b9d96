// Memory may end at any allocation. Whatever fails then, nothing of a request stays behind in the lanes, in
// the statistics or in the budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <new>
#include <thread>

#include "relay/lanes_fixture.h"
#include "tests/support/requirements.h"
#include "userspace/wire/io.h"
#include "userspace/wire/spawn.h"

namespace {

// Of the calling thread: how many allocations of that size or more go well before one fails; below zero, all
// do.
thread_local int allocations_left = -1;
thread_local std::size_t least_size = 0;

[[maybe_unused]] void* allocated(std::size_t size) {
  if (size >= least_size && allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#ifndef __SANITIZE_ADDRESS__
void* operator new(std::size_t size) { return allocated(size); }
void* operator new[](std::size_t size) { return allocated(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace tasklane {
namespace {

class WithoutMemory : public LanesOnTheWire {
 protected:
  void SetUp() override {
    NOT_UNDER_SANITIZERS("their allocator is another than the one that fails here");
    start_with(R"({"settle": "0s", "quiet": "0s"})");
    count_escapes();
    model_ = std::thread([this] {
      while (!done_)
        if (model.called_within(milliseconds(20))) answer_one();
    });
  }
  void TearDown() override {
    done_ = true;
    if (model_.joinable()) model_.join();
    LanesOnTheWire::TearDown();
  }

  // Sends the request with the memory ending at each of its allocations in turn, until none fails any more.
  void send_without_memory(const std::string& request, std::size_t least = 0) {
    in_relay([least] { return least_size = least; });
    constexpr int more_than_it_makes = 5000;
    int allocation = 0;
    while (allocation < more_than_it_makes && !went_well(request, allocation) && !HasFailure()) ++allocation;
    EXPECT_GT(allocation, 3) << "none failed";
    EXPECT_LT(allocation, more_than_it_makes);
    EXPECT_GT(escaped(), 0u);
  }

 private:
  void answer_one() {
    Peer server = model.accept();
    const Json request = receive_request(server);
    if (!request.is_object()) return;
    stream_answer(server, R"({"title": "Rice"})");
  }
  bool went_well(const std::string& request, int allocation) {
    Peer person = client();
    EXPECT_TRUE(eventually([this] { return counters().open_connections == 1; }));
    in_relay([allocation] { return allocations_left = allocation; });
    person.send(request);
    person.until("Rice");
    const bool well = in_relay([] { return std::exchange(allocations_left, -1); }) >= 0;
    person.close();
    hang_up();
    EXPECT_TRUE(eventually([this] { return under_way() == 0; })) << "at allocation " << allocation;
    return well;
  }

  std::atomic<bool> done_ = false;
  std::thread model_;
};

TEST_F(WithoutMemory, AChatLeavesNothingBehind) { send_without_memory(chat); }

// Small ones are JSON's: where they fail, the library ends the process by itself.
TEST_F(WithoutMemory, ATaskLeavesNothingBehind) { send_without_memory(title(), 1000); }

TEST(WhatEscapesACoroutine, EndsTheProcessAndTellsNoWordOfARequest) {
  const auto fail = [] {
    asio::io_context io;
    spawn(io, "a connection", []() -> Awaitable<void> {
      throw std::runtime_error("my secret");
      co_return;
    });
    run_loop(io);
  };
  EXPECT_EXIT(fail(), testing::ExitedWithCode(1),
              "a connection ended by an exception of type St13runtime_error");
  EXPECT_EXIT(fail(), testing::ExitedWithCode(1), testing::Not(testing::HasSubstr("secret")));
}

TEST(WhatEscapesAHandler, EndsTheProcess) {
  const auto fail = [] {
    asio::io_context io;
    asio::post(io, [] { throw std::bad_alloc(); });
    run_loop(io);
  };
  EXPECT_EXIT(fail(), testing::ExitedWithCode(1), "a handler ended by an exception of type St9bad_alloc");
}

}  // namespace
}  // namespace tasklane
