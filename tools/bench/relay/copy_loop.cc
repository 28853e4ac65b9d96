#include "tools/bench/relay/copy_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <unordered_map>

#include "tools/support/sockets.h"

namespace tasklane::bench {

using namespace tools;

namespace {

// One end of a relayed connection, and what waits to be sent to it.
struct End {
  UniqueFd socket;
  End* other = nullptr;
  std::string waiting;
  bool finished = false;  // it will send no more
};

class CopyLoop {
 public:
  CopyLoop(int listener, std::uint16_t to)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), listener_(listener), to_(to) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener_;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_, &event) != 0) throw_errno("epoll_ctl");
  }

  void run() {
    std::array<epoll_event, 128> events{};
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) serve(events[static_cast<std::size_t>(i)]);
    }
  }

 private:
  void serve(const epoll_event& event) {
    if (event.data.fd == listener_) return accept_all();
    const auto found = ends_.find(event.data.fd);
    if (found == ends_.end()) return;  // its other end was closed by an event before this one
    End& end = *found->second;
    bool open = true;
    if ((event.events & EPOLLOUT) != 0) open = flush(end);
    if (open && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) open = pull(end);
    if (!open) close_both(end);
  }

  void accept_all() {
    for (;;) {
      UniqueFd client(::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client) return;
      UniqueFd server = dial(to_);
      set_nonblocking(server.get());
      set_no_delay(client.get());
      End& near = add(std::move(client));
      End& far = add(std::move(server));
      near.other = &far;
      far.other = &near;
    }
  }

  End& add(UniqueFd socket) {
    const int fd = socket.get();
    End& end = *(ends_[fd] = std::make_unique<End>());
    end.socket = std::move(socket);
    watch(end, EPOLL_CTL_ADD);
    return end;
  }

  void watch(const End& end, int operation) {
    epoll_event event{};
    const bool room = end.other == nullptr || end.other->waiting.empty();
    if (room && !end.finished) event.events |= EPOLLIN;
    if (!end.waiting.empty()) event.events |= EPOLLOUT;
    event.data.fd = end.socket.get();
    if (::epoll_ctl(epoll_.get(), operation, end.socket.get(), &event) != 0) throw_errno("epoll_ctl");
  }

  // Reads once and passes on. Whether the connection lives.
  bool pull(End& end) {
    const ssize_t count = ::recv(end.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) {
      end.finished = true;
      ::shutdown(end.other->socket.get(), SHUT_WR);
      watch(end, EPOLL_CTL_MOD);
      return !end.other->finished;
    }
    return push(*end.other, {buffer_.data(), static_cast<std::size_t>(count)});
  }

  bool push(End& end, std::string_view bytes) {
    const ssize_t sent = ::send(end.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    if (bytes.empty()) return true;
    end.waiting = bytes;
    watch(end, EPOLL_CTL_MOD);
    watch(*end.other, EPOLL_CTL_MOD);
    return true;
  }

  bool flush(End& end) {
    const std::string rest = std::exchange(end.waiting, {});
    if (!push(end, rest)) return false;
    if (!end.waiting.empty()) return true;
    watch(end, EPOLL_CTL_MOD);
    watch(*end.other, EPOLL_CTL_MOD);
    return true;
  }

  void close_both(const End& end) {
    const int first = end.socket.get();
    const int second = end.other->socket.get();
    ends_.erase(first);
    ends_.erase(second);
  }

  UniqueFd epoll_;
  int listener_;
  std::uint16_t to_;
  std::unordered_map<int, std::unique_ptr<End>> ends_;
  std::array<char, 65536> buffer_{};
};

}  // namespace

void run_copy_loop(const UniqueFd& listener, std::uint16_t to) {
  const auto loop = std::make_unique<CopyLoop>(listener.get(), to);
  loop->run();
}

}  // namespace tasklane::bench
