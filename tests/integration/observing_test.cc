// `tasklane observe` on real traffic, across a line that loses, repeats, delays and reorders: every request
// of the server's own log is found, none is invented, and each as it was.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <queue>
#include <random>
#include <thread>

#include "tests/support/agent.h"
#include "tests/support/on_a_host.h"
#include "tests/support/requirements.h"
#include "tests/support/sockets.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::Client;
using test::Launch;
using test::models_port;
using test::Namespace;
using test::Process;
using test::program;
using testing::HasSubstr;
using Json = nlohmann::json;

// Frames as they go on a cable: no segment is left for a network card to cut or to sum up.
void without_offloads(const Namespace& where, const char* device) {
  where.run([&] {
    const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    for (const int command : {ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO}) {
      ethtool_value off{static_cast<std::uint32_t>(command), 0};
      ifreq request{};
      std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
      request.ifr_data = reinterpret_cast<char*>(&off);
      ::ioctl(any.get(), SIOCETHTOOL, &request);
    }
  });
}

// What happens to a frame, each to so many of a thousand.
struct Trouble {
  int lost = 0, twice = 0, late = 0;
};

// Hands frames from one device of a namespace to the other, and back.
class BadLine {
 public:
  BadLine(const Namespace& where, const char* one, const char* other, Trouble trouble) : trouble_(trouble) {
    where.run([&] {
      ends_[0] = open(one);
      ends_[1] = open(other);
    });
    thread_ = std::thread([this] { forward(); });
  }
  ~BadLine() {
    stop_ = true;
    thread_.join();
  }
  BadLine(const BadLine&) = delete;
  BadLine& operator=(const BadLine&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  struct Frame {
    Clock::time_point due;
    std::size_t to;
    std::string bytes;
    bool operator<(const Frame& another) const { return due > another.due; }
  };

  static UniqueFd open(const char* device) {
    UniqueFd end(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(device));
    if (::bind(end.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("no packet socket");
    const int own = 1;
    ::setsockopt(end.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &own, sizeof own);
    return end;
  }

  void forward() {
    std::array<char, 65536> buffer{};
    while (!stop_) {
      pollfd ends[2] = {{ends_[0].get(), POLLIN, 0}, {ends_[1].get(), POLLIN, 0}};
      ::poll(ends, 2, 1);
      for (std::size_t from = 0; from < 2; ++from)
        while (true) {
          const ssize_t length = ::recv(ends_[from].get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
          if (length <= 0) break;
          take(1 - from, std::string(buffer.data(), static_cast<std::size_t>(length)));
        }
      while (!waiting_.empty() && waiting_.top().due <= Clock::now()) {
        const Frame& frame = waiting_.top();
        ::send(ends_[frame.to].get(), frame.bytes.data(), frame.bytes.size(), 0);
        waiting_.pop();
      }
    }
  }

  void take(std::size_t to, std::string bytes) {
    const auto happens = [&](int of_a_thousand) {
      return static_cast<int>(random_() % 1000) < of_a_thousand;
    };
    const auto now = Clock::now();
    if (happens(trouble_.lost)) return;
    const auto due = now + (happens(trouble_.late) ? 6ms : 1ms);
    if (happens(trouble_.twice)) waiting_.push({due + 1ms, to, bytes});
    waiting_.push({due, to, std::move(bytes)});
  }

  Trouble trouble_;
  std::array<UniqueFd, 2> ends_;
  std::mt19937 random_{7};
  std::priority_queue<Frame> waiting_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

std::string request(const std::string& path, const Json& body) {
  const std::string text = body.dump();
  return "POST " + path +
         " HTTP/1.1\r\nHost: model\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\n\r\n" + text;
}
std::string numbered_chat(int number) {
  return request("/v1/chat/completions",
                 {{"model", "sim"},
                  {"stream", true},
                  {"stream_options", {{"include_usage", true}}},
                  {"messages",
                   {{{"role", "user"},
                     {"content", "How do tides come about, part " + std::to_string(number) + "? " +
                                     std::string(4000, 'x')}}}}});
}
std::string title(int number) {
  return request("/api/chat", {{"model", "sim"},
                               {"stream", false},
                               {"messages",
                                {{{"role", "user"},
                                  {"content",
                                   "### Task:\nGenerate a title.\n### Output:\nJSON format: { \"title\": \"a "
                                   "title\" }\n### Chat History:\n"
                                   "<chat_history>\nUSER: How do tides come about, part " +
                                       std::to_string(number) + "?\n</chat_history>"}}}}});
}

class Observing : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    people_.ip("link add wire0 type veth peer name near netns " + middle_.name());
    model_.ip("link add wire0 type veth peer name far netns " + middle_.name());
    for (const auto& [where, device] : std::initializer_list<std::pair<Namespace*, const char*>>{
             {&people_, "wire0"}, {&model_, "wire0"}, {&middle_, "near"}, {&middle_, "far"}}) {
      where->set_sysctl("ipv6/conf/all/disable_ipv6", "1");
      where->ip("link set " + std::string(device) + " up");
      without_offloads(*where, device);
    }
    people_.add_address("10.88.0.1/24", "wire0");
    model_.add_address("10.88.0.2/24", "wire0");
    server_.emplace(Launch{.command = {program("modelsim"), "--listen", "10.88.0.2:11434", "--prefill",
                                       "20000", "--decode", "400"},
                           .where = &model_});
    ASSERT_TRUE(server_->wait_for_output("listening")) << server_->err();
  }

  // Each on a connection of its own, a few at a time; what came back.
  void talk(int count) {
    std::vector<std::thread> people;
    for (int person = 0; person < 4; ++person)
      people.emplace_back([this, person, count] {
        for (int i = person; i < count; i += 4) {
          auto client = Client::connect(people_, at("10.88.0.2", models_port));
          ASSERT_TRUE(client);
          client->send(i % 3 == 0 ? title(i) : numbered_chat(i));
          client->receive_all();
        }
      });
    for (std::thread& each : people) each.join();
  }

  Json server_log() {
    auto client = Client::connect(model_, at("10.88.0.2", models_port));
    client->send("GET /sim/log HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\r\n");
    const std::string answer = client->receive_all();
    return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4))["requests"];
  }

  Json observed(Process& observe) {
    observe.signal(SIGINT);
    EXPECT_EQ(observe.wait(), 0) << observe.err();
    return Json::parse(observe.out());
  }

  Namespace people_, middle_, model_;
  std::optional<Process> server_;
};

TEST_F(Observing, FindsEveryRequestOfTheServersLogAcrossABadLine) {
  const BadLine line(middle_, "near", "far", {.lost = 15, .twice = 20, .late = 60});
  Process observe({.command = {program("tasklane"), "observe", "--netns", people_.name(), "--json"}});
  ASSERT_TRUE(observe.wait_for_output("capturing on any")) << observe.err();
  constexpr int count = 60;
  talk(count);
  std::this_thread::sleep_for(300ms);  // what the kernel has captured and not yet given
  const Json seen = observed(observe);
  const Json log = server_log();
  EXPECT_EQ(seen["capture"]["lost"], 0);
  EXPECT_GT(seen["capture"]["out_of_order"], 0);
  EXPECT_GT(seen["capture"]["again"], 0);
  std::map<std::string, std::multiset<std::uint64_t>> here, there;
  for (const Json& each : seen["requests"]) {
    EXPECT_EQ(each["ended"], "whole") << each;
    ASSERT_TRUE(each["generated_tokens"].is_number()) << each;
    here[each["path"]].insert(each["generated_tokens"].get<std::uint64_t>());
  }
  for (const Json& each : log)
    if (each["method"] == "POST") there[each["target"]].insert(each["generated"].get<std::uint64_t>());
  EXPECT_EQ(here, there);
  for (const Json& each : seen["classes"]) {
    if (each["class"] == "chat") {
      EXPECT_EQ(each["requests"], count - count / 3);
    }
    if (each["class"] == "title") {
      EXPECT_EQ(each["requests"], count / 3);
    }
  }
}

TEST_F(Observing, GivesUpItsPrivilegesOnceTheCaptureIsOpen) {
  Process observe({.command = {program("tasklane"), "observe", "--netns", people_.name()}});
  ASSERT_TRUE(observe.wait_for_output("capturing on any")) << observe.err();
  std::ifstream file("/proc/" + std::to_string(observe.pid()) + "/status");
  const std::string status{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_EQ(status.find("Uid:\t0\t"), std::string::npos);
}

TEST_F(Observing, WithoutPrivilegesSaysWhatItTakes) {
  Launch launch{.command = {program("tasklane"), "observe"}, .where = &people_};
  launch.before = [] {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(99);
  };
  const test::Finished done = test::run_to_end(launch);
  EXPECT_EQ(done.status, 3);
  EXPECT_THAT(done.err, HasSubstr("sudo"));
}

TEST_F(Observing, AnUnknownDeviceIsNamed) {
  const test::Finished done =
      test::run_to_end({.command = {program("tasklane"), "observe", "-i", "none0"}, .where = &people_});
  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.err, HasSubstr("none0"));
}

}  // namespace
}  // namespace tasklane
