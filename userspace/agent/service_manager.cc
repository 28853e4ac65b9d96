#include "userspace/agent/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace tasklane {
namespace {

constexpr int meals_within_its_bound = 4;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT: before any other thread
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

UniqueFd connected_to(std::string_view path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path) || (path[0] != '/' && path[0] != '@')) return {};
  path.copy(name.sun_path, path.size());
  if (path[0] == '@') name.sun_path[0] = 0;  // abstract (unix(7))
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) return {};
  return socket;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  manager.socket_ = connected_to(variable("NOTIFY_SOCKET"));
  const std::optional<std::uint64_t> bound = number(variable("WATCHDOG_USEC"));
  const std::optional<std::uint64_t> process = number(variable("WATCHDOG_PID"));
  const bool ours = !process || *process == static_cast<std::uint64_t>(::getpid());
  if (bound && *bound > 0 && ours) manager.watchdog_ = std::chrono::microseconds(*bound);
  return manager;
}

void ServiceManager::say(std::string_view words) const {
  if (socket_) ::send(socket_.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void ServiceManager::feed(Time at) {
  if (!watchdog_ || at - fed_ < *watchdog_ / meals_within_its_bound) return;
  fed_ = at;
  say("WATCHDOG=1");
}

}  // namespace tasklane
