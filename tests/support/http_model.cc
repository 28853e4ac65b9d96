#include "tests/support/http_model.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace tasklane::test {

namespace {

constexpr std::string_view request = "GET /api/version HTTP/1.1\r\nHost: model\r\n\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

// A head (of a request or an answer without a body to wait for); empty: the far end closed first.
std::string read_head(Client& from) {
  std::string head;
  while (!head.ends_with(end_of_head)) {
    const std::string next = from.receive(1);
    if (next.empty()) return "";
    head += next;
  }
  return head;
}

}  // namespace

HttpModel::HttpModel(const Namespace& where, const SocketAddress& on, DualStack dual_stack)
    : listener_(listen_in(where, on, dual_stack)), thread_([this] { serve(); }) {}

HttpModel::~HttpModel() {
  stop_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes the poll
  thread_.join();
}

void HttpModel::serve() {
  while (!stop_) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
    if (stop_ || (waiting.revents & POLLIN) == 0) continue;
    Client guest(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    if (guest.fd() < 0 || read_head(guest).empty()) continue;
    const auto peer = remote_address_of(guest.fd());
    if (!peer) continue;
    const std::string body = to_text(*peer) + "\n";
    guest.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body);
  }
}

std::string how_answered(Client& client) {
  if (!client.send(request)) return "no answer";
  const std::string head = read_head(client);
  if (!head.starts_with("HTTP/1.1 200 ")) return head.empty() ? "no answer" : head.substr(0, head.find('\r'));
  return client.receive_line() == to_text(client.near()) ? "directly" : "through the agent";
}

std::string how_answered(const Namespace& where, const SocketAddress& to) {
  auto client = Client::connect(where, to);
  if (!client) return errno == ECONNREFUSED ? "refused" : "no answer";
  return how_answered(*client);
}

}  // namespace tasklane::test
