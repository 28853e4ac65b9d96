// A relay in a thread of its own, between raw sockets (peer.h).
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "relay/peer.h"
#include "shaper/admit/admission.h"
#include "shaper/base/time.h"
#include "shaper/count/statistics.h"

namespace tasklane {

// The words of the tests' own title, which stands for one that the front end ships.
inline const std::string title_words =
    "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { "
    "\"title\": \"your concise title here\" }\n";

// All that the relay consists of is in relay_fixture.cc: what it takes is compiled once, not for each test.
class RelayTest : public ::testing::Test {
 protected:
  RelayTest();
  ~RelayTest() override;

  Server model;
  Server task;
  Duration prewarm_pause = std::chrono::minutes(1);  // set before start()
  std::string original = model.url();                // as well

  // Starts the relay in front of `model`. `more` are further members of the configuration, each with a comma
  // in front.
  void start(const std::string& more = "");
  // From here on servers of which nobody says it are asked what they speak.
  void ask_for_dialects();
  // As the agent without a configuration of its own, but behind an ordinary listener.
  void start_unconfigured();
  // As after a SIGHUP.
  void reload(const std::string& more);
  // Returns when every connection has ended by itself.
  void end();
  void TearDown() override { end(); }

  Peer client();
  Admission& admission();  // in the relay's thread alone

  // Runs in the relay's thread, where the relay's state may be read.
  template <class F>
  auto in_relay(F action) {
    std::optional<decltype(action())> result;
    run_in_relay([&] { result.emplace(action()); });
    return std::move(*result);
  }
  // What becomes true a moment after the peers have seen it.
  template <class F>
  static bool eventually(const F& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!holds() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return holds();
  }

  RelayCounters counters();
  Row row(RequestClass request_class, const std::string& upstream);
  void sweep(Duration ahead);
  // As the agent does about once a second; so much later.
  void ask_after_upstreams(Duration ahead = {});
  std::string health_of(const std::string& upstream);
  // Chats' prompts that are still in mind so much later.
  std::size_t prompts_kept_after(Duration ahead);
  void bypass(bool on);
  // As an agent that ends, and whose patience with tasks, or with everybody, is at its end.
  void finish();
  void hang_up_tasks();
  void hang_up();
  // What escapes a coroutine from here on is counted, where it would end the agent.
  void count_escapes();
  unsigned escaped();
  // Requests under way, by the rows, the lanes and the connections.
  std::uint64_t under_way();
  // As if others held all of the budget but this.
  void leave_memory(std::uint64_t bytes);
  std::uint64_t memory_held();
  // Names for which the system is asked.
  std::size_t resolving();

  // The thread beside the event loop, occupied with so many bytes for as long as this lives.
  class Occupied {
   public:
    Occupied(RelayTest& relay, std::uint64_t bytes) : end_(relay.occupy(bytes)) {}
    ~Occupied() { end(); }
    Occupied(const Occupied&) = delete;
    Occupied& operator=(const Occupied&) = delete;
    void end() {
      if (const auto end = std::exchange(end_, nullptr)) end();
    }

   private:
    std::function<void()> end_;
  };

 private:
  struct Relay;
  void run_in_relay(const std::function<void()>& action);
  std::function<void()> occupy(std::uint64_t bytes);

  std::unique_ptr<Relay> relay_;
};

}  // namespace tasklane
