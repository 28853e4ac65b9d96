#include "userspace/steer/follower.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "bpf/abi.h"
#include "userspace/steer/bpf_support.h"
#include "userspace/steer/netns.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

Result<Follower::Step> Follower::step(SteeredEndpoints& endpoints) {
  Result<std::optional<FoundNamespace>> found = finder_.find(serves(endpoints.view()));
  if (!found) return found.error();
  if (state_ != State::outside && (!*found || (*found)->id != there_.id)) {
    forget(endpoints);
    return Step::left;
  }
  if (!*found) return Step::none;
  if (state_ == State::outside) return enter(std::move(**found), endpoints);
  return state_ == State::entered ? attach() : Step::none;
}

void Follower::forget(SteeredEndpoints& endpoints) {
  state_ = State::outside;
  endpoints.leave();
  locks_.clear();
  listeners_ = {};
  link_.reset();
  there_ = {};
}

// For no longer than the work takes: a process that stays would keep the namespace alive, and be taken for
// one of the container's by whoever ends those.
template <class Work>
Result<void> Follower::inside(const Work& work) const {
  const auto entered = enter_network_namespace(there_.file.get(), finder_.wish().text);
  if (!entered) return entered;
  const Result<void> done = work();
  if (!enter_network_namespace(home_.get(), "its own")) ::_exit(1);
  return done;
}

Result<Follower::Step> Follower::enter(FoundNamespace found, SteeredEndpoints& endpoints) {
  there_ = std::move(found);
  if (const auto done = inside([&] { return prepare(endpoints); }); !done) {
    forget(endpoints);
    return done.error();
  }
  state_ = State::entered;
  return Step::entered;
}

// A descriptor by a name that is a mount would keep that from being unmounted.
Result<void> Follower::prepare(SteeredEndpoints& endpoints) {
  auto here = open_own_network_namespace();
  if (!here) return here.error();
  there_.file = std::move(*here);
  for (const std::uint16_t port : ports_) {
    auto lock = PortLock::take(port);
    if (!lock) return lock.error();
    locks_.push_back(std::move(*lock));
  }
  auto listening = ListeningSockets::open();
  if (!listening) return listening.error();
  auto listeners = make_steering_listeners();
  if (!listeners) return listeners.error();
  listeners_ = std::move(*listeners);
  if (const auto done = put(TASKLANE_LISTENER_IPV4, listeners_.ipv4); !done) return done;
  if (const auto done = put(TASKLANE_LISTENER_IPV6, listeners_.ipv6); !done) return done;
  endpoints.steer({.ipv4 = static_cast<bool>(listeners_.ipv4), .ipv6 = static_cast<bool>(listeners_.ipv6)});
  endpoints.look_into(std::move(*listening));
  return {};
}

// None: the namespace has no such family.
Result<void> Follower::put(std::uint32_t slot, const UniqueFd& listener) const {
  if (!listener) return {};
  const auto fd = static_cast<std::uint64_t>(listener.get());
  if (bpf_map_update_elem(listeners_map_.get(), &slot, &fd, BPF_ANY) == 0) return {};
  return why_not_loaded(errno);
}

Result<Follower::Step> Follower::attach() {
  link_.reset(::bpf_link_create(program_.get(), there_.file.get(), BPF_SK_LOOKUP, nullptr));
  if (!link_) return why_not_loaded(errno);
  state_ = State::attached;
  return Step::attached;
}

bool Follower::serves(const EndpointView& view) const {
  return std::any_of(view.listeners.begin(), view.listeners.end(),
                     [this](const auto& listener) { return listener.first.port == finder_.wish().port; });
}

std::string Follower::where() const {
  return finder_.wish().text +
         (there_.process != 0 ? " (process " + std::to_string(there_.process) + ")" : "");
}

Result<UniqueFd> Follower::socket(IpFamily family) const {
  if (state_ == State::outside) return Error{"the network namespace is gone", finder_.wish().text, ""};
  UniqueFd made;
  const Result<void> done = inside([&]() -> Result<void> {
    made.reset(::socket(to_kernel(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    return made ? Result<void>() : system_error("cannot make a socket");
  });
  if (!done) return done.error();
  return made;
}

// CAP_SYS_PTRACE: to see in which namespace another user's process is (proc(5)). CAP_DAC_OVERRIDE: a
// container engine's socket is root's.
std::vector<int> Follower::capabilities() const {
  std::vector<int> all{CAP_SYS_ADMIN, CAP_NET_ADMIN};
  using Kind = NamespaceWish::Kind;
  const Kind kind = finder_.wish().kind;
  if (kind != Kind::named && kind != Kind::path) all.push_back(CAP_SYS_PTRACE);
  if (kind == Kind::container) all.push_back(CAP_DAC_OVERRIDE);
  return all;
}

std::vector<int> Follower::descriptors() const {
  std::vector<int> all{program_.get(), listeners_map_.get(), home_.get()};
  if (finder_.descriptor() >= 0) all.push_back(finder_.descriptor());
  return all;
}

}  // namespace tasklane
