// A relay in a thread of its own, raw sockets on both of its sides: a test says byte for byte what the client
// and the model server send, and reads what the other got.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "shaper/classify/pack.h"
#include "shaper/classify/wording.h"
#include "userspace/serve/acceptor.h"
#include "userspace/serve/bypass.h"
#include "userspace/serve/rewarmer.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/wire/spawn.h"

namespace tasklane {

// One end of a connection; everything blocks, but not longer than five seconds.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Peer() { close(); }

  static Peer to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(0, ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    return Peer(fd);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the other end may rightly have had enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Exactly `count` bytes, or what came before the end.
  std::string receive(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count && take(bytes, count - bytes.size())) {
    }
    return bytes;
  }
  // Everything up to and with `end`.
  std::string until(std::string_view end) {
    std::string bytes;
    while (!bytes.ends_with(end) && take(bytes, 1)) {
    }
    return bytes;
  }
  // Everything to the end of the connection; `reset` tells how it ended.
  std::string rest(bool* reset = nullptr) {
    std::string bytes;
    int result = 1;
    while (result > 0) {
      char buffer[4096];
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      result = got > 0 ? 1 : 0;
      if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
      if (got < 0) {
        EXPECT_NE(EAGAIN, errno) << "the connection stayed open; so far: " << bytes;
        if (reset != nullptr) *reset = errno == ECONNRESET;
      }
    }
    return bytes;
  }
  // Whether the other end has closed within five seconds.
  bool sees_close() {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }
  bool quiet_for(std::chrono::milliseconds time) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(time.count())) == 0;
  }
  [[nodiscard]] int descriptor() const { return fd_; }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  bool take(std::string& bytes, std::size_t most) {
    char buffer[65536];
    const ssize_t got = ::recv(fd_, buffer, std::min(most, sizeof(buffer)), 0);
    if (got > 0) bytes.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }
  int fd_;
};

// A loopback address of this process alone, so that a port given up here is nobody else's a moment later.
inline in_addr own_loopback() {
  const auto process = static_cast<std::uint32_t>(::getpid());
  return {htonl((127u << 24) | (((process >> 16) + 1) & 0x7f) << 16 | (process & 0xffff))};
}

// A listening socket on a free port of own_loopback(): the model server's side of a test.
class Server {
 public:
  explicit Server(std::uint32_t at = own_loopback().s_addr) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = at;
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    EXPECT_EQ(0, ::listen(fd_, 16));
    socklen_t length = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Server() { stop(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string authority() const {
    char text[INET_ADDRSTRLEN] = {};
    const in_addr address = own_loopback();
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(port_);
  }
  [[nodiscard]] std::string url() const { return "http://" + authority(); }
  Peer accept() {
    EXPECT_TRUE(called_within(std::chrono::seconds(5))) << "nobody called the model server";
    return Peer(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  bool called_within(std::chrono::milliseconds time) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, static_cast<int>(time.count())) == 1;
  }
  void stop() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

// The words of the tests' own title, which stands for one that the front end ships.
inline const std::string title_words =
    "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { "
    "\"title\": \"your concise title here\" }\n";

inline std::shared_ptr<const Pack> as_if_shipped(const Pack& pack) {
  auto copy = std::make_shared<Pack>(pack);
  for (PackEntry& entry : copy->entries)
    if (entry.request_class == RequestClass::title) entry.shipped.push_back(wording_of(title_words));
  return copy;
}

class RelayTest : public ::testing::Test {
 protected:
  Server model;
  Server task;
  Duration prewarm_pause = std::chrono::minutes(1);  // set before start()
  std::string original = model.url();                // as well

  // Starts the relay in front of `model`. `more` are further members of the configuration, each with a comma
  // in front.
  void start(const std::string& more = "") {
    Result<Config> config = configured(more);
    ASSERT_TRUE(config.has_value()) << config.error().text();
    config_ = std::make_shared<const Config>(std::move(*config));
    run();
  }
  // As the agent without a configuration of its own, but behind an ordinary listener.
  void start_unconfigured() {
    Result<Config> config = default_config();
    ASSERT_TRUE(config.has_value()) << config.error().text();
    config->listen = configured("")->listen;
    config_ = std::make_shared<const Config>(std::move(*config));
    run();
  }

  Peer client() { return Peer::to(port_); }
  Lanes& lanes() { return lanes_; }            // in the relay's thread alone
  Acceptor& acceptor() { return *acceptor_; }  // likewise

  // Runs in the relay's thread, where the relay's state may be read.
  template <class F>
  auto in_relay(F action) {
    std::packaged_task<decltype(action())()> work(std::move(action));
    auto result = work.get_future();
    boost::asio::post(io_, [&work] { work(); });
    return result.get();
  }
  // As after a SIGHUP.
  void reload(const std::string& more) {
    Result<Config> config = configured(more);
    ASSERT_TRUE(config.has_value()) << config.error().text();
    in_relay([&] {
      Result<Services> services = Services::of(*config);
      EXPECT_TRUE(services.has_value()) << services.error().text();
      context_->use(std::make_shared<const Config>(std::move(*config)), std::move(*services));
      slot_probe_->configure();
      return 0;
    });
  }
  RelayCounters counters() {
    return in_relay([this] { return statistics_.relay(); });
  }
  Row row(RequestClass request_class, const std::string& upstream) {
    return in_relay([&] { return statistics_.row(request_class, upstream); });
  }
  // What becomes true a moment after the peers have seen it.
  template <class F>
  static bool eventually(const F& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!holds() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return holds();
  }
  void sweep(Duration ahead) {
    in_relay([&] {
      acceptor_->sweep(now() + ahead);
      return 0;
    });
  }
  // Chats' prompts that are still in mind so much later.
  std::size_t prompts_kept_after(Duration ahead) {
    return in_relay([&] {
      rewarmer_->sweep(now() + ahead);
      return rewarmer_->kept();
    });
  }
  void bypass(bool on) {
    in_relay([&] {
      set_bypass(*context_, on);
      return 0;
    });
  }

  // What escapes a coroutine from here on is counted, where it would end the agent.
  void count_escapes() {
    in_relay([this] {
      asio::use_service<Escapes>(io_).react_with(
          [this](const char*, const std::exception_ptr&) { ++escaped_; });
      return 0;
    });
  }
  unsigned escaped() {
    return in_relay([this] { return escaped_; });
  }
  // Requests under way, by the rows, the lanes and the connections.
  std::uint64_t under_way() {
    return in_relay([this] {
      std::uint64_t count = context_->open_connections + context_->memory.held();
      for (const auto& [key, row] : statistics_.rows()) count += row.in_flight;
      return count + lanes_.admission().held();
    });
  }
  // The thread beside the event loop, occupied with so many bytes for as long as this lives.
  class Occupied {
   public:
    Occupied(RelayTest& relay, std::uint64_t bytes) {
      relay.in_relay([&] {
        EXPECT_TRUE(relay.context_->side.has_room(bytes));
        spawn(relay.io_, "a test",
              [&side = relay.context_->side, bytes, freed = freed_]() -> Awaitable<void> {
                const auto wait = [freed] { freed->get_future().wait(); };
                co_await side.run(bytes, wait);
              });
        return 0;
      });
    }
    ~Occupied() { end(); }
    Occupied(const Occupied&) = delete;
    Occupied& operator=(const Occupied&) = delete;
    void end() {
      if (const auto freed = std::exchange(freed_, nullptr)) freed->set_value();
    }

   private:
    std::shared_ptr<std::promise<void>> freed_ = std::make_shared<std::promise<void>>();
  };
  // As if others held all of the budget but this.
  void leave_memory(std::uint64_t bytes) {
    in_relay([&] {
      context_->memory.set_limit(context_->memory.held() + bytes);
      return 0;
    });
  }
  // Names for which the system is asked.
  std::size_t resolving() {
    return in_relay([this] { return upstreams_->resolving(); });
  }
  std::uint64_t memory_held() {
    return in_relay([this] { return context_->memory.held(); });
  }

  void TearDown() override { end(); }
  // Returns when every connection has ended by itself.
  void end() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] {
      acceptor_->finish();
      context_->own.pause(true);
      acceptor_->hang_up();
      upstreams_->keep_none();
      guard_.reset();
    });
    thread_.join();
  }

 private:
  Result<Config> configured(const std::string& more) const {
    const std::string text =
        R"({"version": 1, "listen": [{"address": "127.0.0.1:1", "to": ")" + original + "\"}]" + more + "}";
    return parse_config(text, "test");
  }
  void run() {
    Result<std::vector<std::shared_ptr<const Pack>>> packs =
        find_packs(config_->packs, {std::string(TASKLANE_SOURCE_DIR) + "/config/packs"});
    ASSERT_TRUE(packs.has_value()) << packs.error().text();
    for (std::shared_ptr<const Pack>& pack : *packs) pack = as_if_shipped(*pack);
    classifier_ = std::make_unique<Classifier>(std::move(*packs));
    upstreams_ = std::make_unique<UpstreamConnections>(io_, Dialer(), config_->limits.connect_timeout);
    context_.reset(new RelayContext{io_, config_, *classifier_, body_reader_, statistics_, *upstreams_,
                                    lanes_, Canonical(1, 2)});
    Result<Services> services = Services::of(*config_);
    ASSERT_TRUE(services.has_value()) << services.error().text();
    context_->services = std::make_shared<Services>(std::move(*services));
    rewarmer_ = std::make_unique<Rewarmer>(*context_, prewarm_pause);
    context_->rewarmer = rewarmer_.get();
    slot_probe_ = std::make_unique<SlotProbe>(*context_);
    context_->slot_probe = slot_probe_.get();
    acceptor_ = std::make_unique<Acceptor>(*context_);
    Listen listen = config_->listen.front();
    listen.port = 0;
    const Result<std::uint16_t> listening = acceptor_->add_listener(listen);
    ASSERT_TRUE(listening.has_value()) << listening.error().text();
    port_ = *listening;
    thread_ = std::thread([this] { run_to_its_end(); });
  }

  // A handler that is out of memory, which would end the agent, ends no test.
  void run_to_its_end() {
    for (;;) try {
        io_.run();
        return;
      } catch (const std::bad_alloc&) {
        ++escaped_;
      }
  }

  asio::io_context io_{1};
  unsigned escaped_ = 0;
  asio::executor_work_guard<Executor> guard_{io_.get_executor()};
  std::shared_ptr<const Config> config_;
  std::unique_ptr<Classifier> classifier_;
  BodyReader body_reader_;
  Statistics statistics_;
  std::unique_ptr<UpstreamConnections> upstreams_;
  Lanes lanes_{io_};
  std::unique_ptr<RelayContext> context_;
  std::unique_ptr<Rewarmer> rewarmer_;
  std::unique_ptr<SlotProbe> slot_probe_;
  std::unique_ptr<Acceptor> acceptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// A POST with a body, as Open WebUI sends it.
inline std::string post(const std::string& path, const std::string& body, const std::string& fields = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: model:11434\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string answer(const std::string& body, const std::string& fields = "",
                          const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace tasklane
