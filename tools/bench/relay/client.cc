#include "tools/bench/relay/client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tools/bench/relay/far_server.h"
#include "tools/bench/relay/http.h"
#include "tools/support/sockets.h"

namespace tasklane::bench {

using namespace tools;

namespace {

constexpr std::size_t small_request = 1024;
constexpr std::size_t large_request = 1 << 20;
constexpr int warm_up = 5;
constexpr int connections_at_once = 64;

double microseconds_since(Nanoseconds begin) {
  return std::chrono::duration<double, std::micro>(clock_now() - begin).count();
}

double rate(int count, Nanoseconds begin) { return count / (microseconds_since(begin) / 1e6); }

// One answer after the other from one connection.
class AnswerReader {
 public:
  // Reads once. Whether an answer became whole; nothing is ever pipelined, so none is left behind it.
  bool read_some(int socket) {
    const ssize_t count = ::recv(socket, buffer_.data(), buffer_.size(), 0);
    if (count < 0 && errno == EINTR) return false;
    if (count <= 0) throw std::runtime_error("an answer broke off");
    text_.append(buffer_.data(), static_cast<std::size_t>(count));
    const std::size_t head = head_length(text_);
    if (head == 0) return false;
    if (!text_.starts_with("HTTP/1.1 200")) throw std::runtime_error("unexpected answer: " + text_);
    const std::size_t body =
        number_after(std::string_view(text_).substr(0, head), "content-length: ").value();
    if (text_.size() < head + body) return false;
    text_.clear();
    return true;
  }

 private:
  std::string text_;
  std::array<char, 16384> buffer_{};
};

// The time to the first byte; the answer is read to its end.
double ask(int socket, const std::string& request, AnswerReader& reader) {
  const Nanoseconds begin = clock_now();
  send_all(socket, request);
  bool whole = reader.read_some(socket);
  const double first_byte = microseconds_since(begin);
  while (!whole) whole = reader.read_some(socket);
  return first_byte;
}

Round one_after_the_other(std::uint16_t port, int count, ChatRequest request) {
  const UniqueFd socket = dial(port);
  AnswerReader reader;
  for (int i = 0; i < warm_up; ++i) ask(socket.get(), request.next(), reader);
  Round round;
  const Nanoseconds begin = clock_now();
  for (int i = 0; i < count; ++i) round.microseconds.push_back(ask(socket.get(), request.next(), reader));
  round.per_second = rate(count, begin);
  return round;
}

class Crowd {
 public:
  Crowd(std::uint16_t port, ChatRequest request)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), members_(connections_at_once), request_(std::move(request)) {
    for (Member& member : members_) {
      member.socket = dial(port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &member;
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, member.socket.get(), &event) != 0)
        throw_errno("epoll_ctl");
    }
  }

  Round ask(int count) {
    Round round;
    const Nanoseconds begin = clock_now();
    int asked = 0;
    for (Member& member : members_)
      if (asked < count) send_next(member), ++asked;
    std::array<epoll_event, connections_at_once> events{};
    while (round.microseconds.size() < static_cast<std::size_t>(count)) {
      const int ready = ::epoll_wait(epoll_.get(), events.data(), connections_at_once, -1);
      for (int i = 0; i < ready; ++i) {
        Member& member = *static_cast<Member*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!member.reader.read_some(member.socket.get())) continue;
        round.microseconds.push_back(microseconds_since(member.begin));
        if (asked < count) send_next(member), ++asked;
      }
    }
    round.per_second = rate(count, begin);
    return round;
  }

 private:
  struct Member {
    UniqueFd socket;
    AnswerReader reader;
    Nanoseconds begin{};
  };

  void send_next(Member& member) {
    member.begin = clock_now();
    send_all(member.socket.get(), request_.next());
  }

  UniqueFd epoll_;
  std::vector<Member> members_;
  ChatRequest request_;
};

void read_to_end(int socket) {
  std::array<char, 16384> buffer{};
  bool any = false;
  for (;;) {
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno != EINTR) throw_errno("recv");
    if (count == 0 && !any) throw std::runtime_error("a connection was closed without an answer");
    if (count == 0) return;
    any = true;
  }
}

// Takes the ages of the chunks that have arrived in `text` at `now`, and leaves what is not whole.
void take_ages(std::string& text, Nanoseconds now, std::vector<double>& ages) {
  std::size_t done = 0;
  for (;;) {
    const std::size_t mark = text.find(stamp_mark, done);
    if (mark == std::string::npos || text.size() < mark + chunk_size) break;
    long long sent = 0;
    const char* digits = text.data() + mark + stamp_mark.size();
    std::from_chars(digits, digits + stamp_digits, sent);
    ages.push_back(std::chrono::duration<double, std::micro>(now - Nanoseconds(sent)).count());
    done = mark + chunk_size;
  }
  text.erase(0, done);
}

// Somebody else's large requests, one after the other, until it goes.
class Beside {
 public:
  Beside(std::uint16_t port, const std::string& request)
      : thread_([this, port, &request] { ask_on(port, request); }) {}
  ~Beside() {
    over_ = true;
    thread_.join();
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

 private:
  void ask_on(std::uint16_t port, const std::string& request) {
    const UniqueFd socket = dial(port);
    AnswerReader reader;
    while (!over_) ask(socket.get(), request, reader);
  }

  std::atomic<bool> over_ = false;
  std::thread thread_;
};

Round gaps_beside(std::uint16_t port, int count, const std::string& large) {
  constexpr int interval = 10'000;
  const UniqueFd socket = dial(port);
  ChatRequest request(small_request, std::string(chunks_header) + std::to_string(count) + "\r\n" +
                                         std::string(interval_header) + std::to_string(interval) + "\r\n");
  send_all(socket.get(), request.next());
  const Beside beside(port, large);
  Round round;
  std::string text;
  std::vector<double> ages;
  std::array<char, 16384> buffer{};
  for (std::optional<Nanoseconds> before; ages.size() < static_cast<std::size_t>(count);) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    const Nanoseconds at = clock_now();
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("a streamed answer broke off");
    text.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t had = ages.size();
    take_ages(text, at, ages);
    if (ages.size() == had) continue;
    if (before) round.microseconds.push_back(std::chrono::duration<double, std::micro>(at - *before).count());
    before = at;
  }
  return round;
}

constexpr std::size_t mib = 1U << 20;

}  // namespace

Round beside_1_mib(std::uint16_t port, int count) {
  static const std::string chat = ChatRequest(mib, "").next();
  return gaps_beside(port, count, chat);
}
Round beside_8_mib(std::uint16_t port, int count) {
  static const std::string chat = ChatRequest(8 * mib, "").next();
  return gaps_beside(port, count, chat);
}
Round beside_32_mib(std::uint16_t port, int count) {
  static const std::string chat = ChatRequest(32 * mib, "").next();
  return gaps_beside(port, count, chat);
}
Round beside_prompts(std::uint16_t port, int count) {
  static const std::string prompt = prompt_request(32 * mib);
  return gaps_beside(port, count, prompt);
}
Round beside_gzip(std::uint16_t port, int count) {
  static const std::string chat = packed_chat(15 * mib);
  return gaps_beside(port, count, chat);
}

Round small_requests(std::uint16_t port, int count) {
  return one_after_the_other(port, count, ChatRequest(small_request, ""));
}

Round large_bodies(std::uint16_t port, int count) {
  return one_after_the_other(port, count, ChatRequest(large_request, ""));
}

Round open_webui_chats(std::uint16_t port, int count) {
  return one_after_the_other(port, count, ChatRequest::with_tools());
}

Round many_connections(std::uint16_t port, int count) {
  Crowd crowd(port, ChatRequest(small_request, ""));
  crowd.ask(connections_at_once * 2);
  return crowd.ask(count);
}

Round open_webui_connections(std::uint16_t port, int count) {
  Crowd crowd(port, ChatRequest::with_tools());
  return crowd.ask(count);
}

Round many_streams(std::uint16_t port, int count) {
  constexpr std::size_t streams = 1000;
  constexpr int interval = 20'000;
  struct Stream {
    UniqueFd socket;
    std::string text;
  };
  std::vector<Stream> all(streams);
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  ChatRequest request(small_request, std::string(chunks_header) + std::to_string(count) + "\r\n" +
                                         std::string(interval_header) + std::to_string(interval) + "\r\n");
  for (Stream& stream : all) {
    stream.socket = dial(port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &stream;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, stream.socket.get(), &event) != 0) throw_errno("epoll_ctl");
    send_all(stream.socket.get(), request.next());
  }
  Round round;
  std::array<epoll_event, 256> events{};
  std::array<char, 16384> buffer{};
  while (round.microseconds.size() < streams * static_cast<std::size_t>(count)) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      Stream& stream = *static_cast<Stream*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = ::recv(stream.socket.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) throw std::runtime_error("a streamed answer broke off");
      stream.text.append(buffer.data(), static_cast<std::size_t>(got));
      take_ages(stream.text, clock_now(), round.microseconds);
    }
  }
  return round;
}

Round connection_each(std::uint16_t port, int count) {
  ChatRequest request(small_request, "Connection: close\r\n");
  Round round;
  const Nanoseconds whole = clock_now();
  for (int i = 0; i < count; ++i) {
    const std::string& text = request.next();
    const Nanoseconds begin = clock_now();
    const UniqueFd socket = dial(port);
    send_all(socket.get(), text);
    read_to_end(socket.get());
    round.microseconds.push_back(microseconds_since(begin));
  }
  round.per_second = rate(count, whole);
  return round;
}

Round streamed_chunks(std::uint16_t port, int count) {
  const UniqueFd socket = dial(port);
  ChatRequest request(small_request, std::string(chunks_header) + std::to_string(count) + "\r\n");
  send_all(socket.get(), request.next());
  Round round;
  std::string text;
  std::array<char, 16384> buffer{};
  while (round.microseconds.size() < static_cast<std::size_t>(count)) {
    const ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    const Nanoseconds now = clock_now();
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("a streamed answer broke off");
    text.append(buffer.data(), static_cast<std::size_t>(got));
    take_ages(text, now, round.microseconds);
  }
  return round;
}

}  // namespace tasklane::bench
