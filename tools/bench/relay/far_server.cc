#include "tools/bench/relay/far_server.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>

#include "tools/bench/relay/http.h"
#include "tools/support/sockets.h"

namespace tasklane::bench {

using namespace tools;

namespace {

constexpr std::string_view answer_body =
    R"({"model":"llama3.1:8b","created_at":"2026-01-01T00:00:00.000000Z","message":{"role":"assistant",)"
    R"("content":"Bread rises because yeast eats sugar and breathes out gas."},"done_reason":"stop",)"
    R"("done":true,"total_duration":1000000,"prompt_eval_count":200,"eval_count":12})"
    "\n";

constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string fixed_answer(std::string_view more_headers) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(answer_body.size()) + "\r\n\r\n" + std::string(answer_body);
}

std::string stamped_chunk() {
  std::array<char, stamp_digits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%020lld", static_cast<long long>(clock_now().count()));
  std::string line = std::string(stamp_mark) + digits.data() + "\",\"fill\":\"";
  line.append(chunk_size - line.size() - 3, 'x');
  line += "\"}\n";
  return "100\r\n" + line + "\r\n";
}

// Requests are small but for the large body, of which only the end is awaited.
struct Connection {
  UniqueFd socket;
  std::string head;
  bool in_body = false;
  std::size_t body_left = 0;
  std::size_t chunks_wanted = 0;
  std::chrono::microseconds interval = chunk_interval;
  bool close_after = false;
};

struct Stream {
  UniqueFd timer;
  int connection;
  std::size_t chunks_left;
};

class FarServer {
 public:
  explicit FarServer(const std::vector<UniqueFd>& listeners) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    ::prctl(PR_SET_TIMERSLACK, 1);  // chunks leave when they are due
    for (const UniqueFd& listener : listeners) {
      listeners_.push_back(listener.get());
      watch(listener.get());
    }
  }

  void run() {
    std::array<epoll_event, 128> events{};
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) serve(events[static_cast<std::size_t>(i)].data.fd);
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
  }

  void serve(int fd) {
    if (const auto stream = streams_.find(fd); stream != streams_.end()) return send_chunk(stream->second);
    if (const auto found = connections_.find(fd); found != connections_.end()) {
      if (!read(*found->second)) connections_.erase(fd);
      return;
    }
    for (const int listener : listeners_)
      if (fd == listener) accept_from(listener);
  }

  void accept_from(int listener) {
    for (;;) {
      UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      set_no_delay(socket.get());
      const int fd = socket.get();
      connections_[fd] = std::make_unique<Connection>();
      connections_[fd]->socket = std::move(socket);
      watch(fd);
    }
  }

  // Whether the connection stays open.
  bool read(Connection& connection) {
    const ssize_t count = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    while (!bytes.empty())
      if (!take(connection, bytes)) return false;
    return true;
  }

  bool take(Connection& connection, std::string_view& bytes) {
    if (!connection.in_body) {
      const std::size_t seen = connection.head.size();
      connection.head += bytes;
      const std::size_t end = head_length(connection.head);
      if (end == 0) return bytes = {}, true;
      bytes.remove_prefix(end - seen);
      connection.head.resize(end);
      begin_request(connection);
    }
    const std::size_t part = std::min(bytes.size(), connection.body_left);
    connection.body_left -= part;
    bytes.remove_prefix(part);
    return connection.body_left > 0 || answer(connection);
  }

  static void begin_request(Connection& connection) {
    connection.body_left = number_after(connection.head, "Content-Length: ").value_or(0);
    connection.chunks_wanted = number_after(connection.head, chunks_header).value_or(0);
    connection.interval = std::chrono::microseconds(
        number_after(connection.head, interval_header).value_or(chunk_interval.count()));
    connection.close_after = contains(connection.head, "Connection: close");
    connection.in_body = true;
    connection.head.clear();
  }

  bool answer(Connection& connection) {
    connection.in_body = false;
    if (connection.chunks_wanted > 0) {
      send_all(connection.socket.get(), stream_head);
      begin_stream(connection);
      return true;
    }
    const std::string& bytes = connection.close_after ? last_answer_ : answer_;
    const ssize_t sent = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent > 0 && !connection.close_after;
  }

  void begin_stream(const Connection& connection) {
    UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    itimerspec each{};
    each.it_interval.tv_nsec = Nanoseconds(connection.interval).count();
    each.it_value = each.it_interval;
    if (!timer || ::timerfd_settime(timer.get(), 0, &each, nullptr) != 0) throw_errno("timerfd");
    const int fd = timer.get();
    watch(fd);
    streams_.insert_or_assign(fd,
                              Stream{std::move(timer), connection.socket.get(), connection.chunks_wanted});
  }

  // One chunk a tick: a tick that comes late sends no second one.
  void send_chunk(Stream& stream) {
    std::uint64_t ticks = 0;
    if (::read(stream.timer.get(), &ticks, sizeof(ticks)) < 0) return;
    std::string bytes = stamped_chunk();
    if (--stream.chunks_left == 0) bytes += "0\r\n\r\n";
    const bool sent = ::send(stream.connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
    if (!sent || stream.chunks_left == 0) streams_.erase(stream.timer.get());
  }

  UniqueFd epoll_;
  std::vector<int> listeners_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::unordered_map<int, Stream> streams_;
  const std::string answer_ = fixed_answer("");
  const std::string last_answer_ = fixed_answer("Connection: close\r\n");
  std::array<char, 262144> buffer_{};
};

}  // namespace

void serve_far_end(const std::vector<UniqueFd>& listeners) {
  const auto server = std::make_unique<FarServer>(listeners);
  server->run();
}

}  // namespace tasklane::bench
