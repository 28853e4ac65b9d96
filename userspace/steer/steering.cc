#include "userspace/steer/steering.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <numeric>

#include "bpf/abi.h"
#include "steer.skel.h"
#include "userspace/steer/bpf_support.h"
#include "userspace/steer/netns.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

// The clock of bpf_ktime_get_ns().
std::uint64_t monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

template <class Word>
void store(Word& word, std::uint64_t value) {
  std::atomic_ref(word).store(value, std::memory_order_relaxed);
}

tasklane_endpoint to_abi(const SocketAddress& address) {
  tasklane_endpoint endpoint{};
  endpoint.family = address.address.family == IpFamily::ipv4 ? TASKLANE_IPV4 : TASKLANE_IPV6;
  endpoint.port = address.port;
  std::memcpy(endpoint.address, address.address.bytes.data(), sizeof(endpoint.address));
  return endpoint;
}

Result<std::vector<PortLock>> lock_all(const std::vector<std::uint16_t>& ports) {
  std::vector<PortLock> locks;
  for (const std::uint16_t port : ports) {
    auto lock = PortLock::take(port);
    if (!lock) return lock.error();
    locks.push_back(std::move(*lock));
  }
  return locks;
}

Result<void> check(const SteeringOptions& options) {
  if (options.ports.empty()) return Error{"no port to steer", "", "name one in \"intercept\""};
  if (std::find(options.ports.begin(), options.ports.end(), 0) != options.ports.end())
    return Error{"port 0 cannot be steered", "", "name the port on which the model listens"};
  if (options.stale_after <= Duration::zero())
    return Error{"the time after which an agent counts as hung must be above zero", "", ""};
  return {};
}

SteeringOptions without_duplicates(SteeringOptions options) {
  std::sort(options.ports.begin(), options.ports.end());
  options.ports.erase(std::unique(options.ports.begin(), options.ports.end()), options.ports.end());
  return options;
}

}  // namespace

std::array<std::pair<std::string_view, std::uint64_t>, 8> SteeringCounters::named() const {
  return {{{"steered", steered},
           {"passed_other", passed_other},
           {"passed_own_dial", passed_own_dial},
           {"passed_bypass", passed_bypass},
           {"passed_stale", passed_stale},
           {"passed_no_listener", passed_no_listener},
           {"passed_busy", passed_busy},
           {"passed_full", passed_full}}};
}

void Steering::CloseSkeleton::operator()(steer_bpf* skeleton) const { steer_bpf::destroy(skeleton); }

Steering::Steering(SteeringOptions options, std::vector<PortLock> locks, ListeningSockets listening,
                   Skeleton skeleton)
    : options_(std::move(options)),
      locks_(std::move(locks)),
      listening_(std::move(listening)),
      skeleton_(std::move(skeleton)) {
  tasklane_shared& shared = skeleton_->bss->tasklane_shared;
  shared.abi_version = TASKLANE_ABI_VERSION;
  shared.stale_after_ns = static_cast<std::uint64_t>(options_.stale_after.count());
  shared.room = std::numeric_limits<std::int64_t>::max();
  own_ports_ = std::make_shared<OwnPorts>(shared.own_ports);
}

Steering::~Steering() { own_ports_->detach(); }

Result<std::unique_ptr<Steering>> Steering::attach(const SteeringOptions& wanted,
                                                   const SteeringListeners& listeners) {
  const SteeringOptions options = without_duplicates(wanted);
  if (const auto sound = check(options); !sound) return sound.error();
  route_libbpf_messages();
  auto locks = lock_all(options.ports);
  if (!locks) return locks.error();
  auto listening = ListeningSockets::open();
  if (!listening) return listening.error();
  Skeleton skeleton(steer_bpf::open_and_load());
  if (!skeleton) return why_not_loaded(errno);

  std::unique_ptr<Steering> steering(
      new Steering(options, std::move(*locks), std::move(*listening), std::move(skeleton)));
  if (const auto done = steering->hand_over(listeners); !done) return done.error();
  if (const auto done = steering->refresh(); !done) return done.error();
  steering->heartbeat();
  if (const auto done = steering->attach_to_own_namespace(); !done) return done.error();
  return steering;
}

Result<void> Steering::hand_over(const SteeringListeners& listeners) {
  const auto put = [this](std::uint32_t slot, const UniqueFd& listener) -> Result<void> {
    const auto fd = static_cast<std::uint64_t>(listener.get());
    if (bpf_map__update_elem(skeleton_->maps.listeners, &slot, sizeof(slot), &fd, sizeof(fd), BPF_ANY) == 0)
      return {};
    return why_not_loaded(errno);
  };
  steers_ipv4_ = static_cast<bool>(listeners.ipv4);
  steers_ipv6_ = static_cast<bool>(listeners.ipv6);
  if (steers_ipv4_) {
    if (const auto done = put(TASKLANE_LISTENER_IPV4, listeners.ipv4); !done) return done;
  }
  return steers_ipv6_ ? put(TASKLANE_LISTENER_IPV6, listeners.ipv6) : Result<void>();
}

Result<void> Steering::attach_to_own_namespace() {
  const auto netns = open_own_network_namespace();
  if (!netns) return netns.error();
  skeleton_->links.steer = bpf_program__attach_netns(skeleton_->progs.steer, netns->get());
  if (skeleton_->links.steer == nullptr) return why_not_loaded(errno);
  return {};
}

Result<void> Steering::set_endpoint(const SocketAddress& endpoint, bool present) {
  const tasklane_endpoint key = to_abi(endpoint);
  const std::uint8_t value = 1;
  const bpf_map* map = skeleton_->maps.endpoints;
  const int result = present ? bpf_map__update_elem(map, &key, sizeof(key), &value, sizeof(value), BPF_ANY)
                             : bpf_map__delete_elem(map, &key, sizeof(key), 0);
  if (result == 0 || (!present && errno == ENOENT)) return {};
  return system_error("cannot tell the steering program of " + to_text(endpoint));
}

Result<void> Steering::refresh() {
  DeviceListeners on_devices;
  auto found = listening_.on(options_.ports, &on_devices);
  if (!found) return found.error();
  std::erase_if(*found, [this](const auto& listener) {
    return listener.first.address.family == IpFamily::ipv4 ? !steers_ipv4_ : !steers_ipv6_;
  });
  const std::lock_guard lock(endpoints_mutex_);
  on_devices_ = std::move(on_devices);
  for (auto old = endpoints_.begin(); old != endpoints_.end();) {
    if (found->contains(old->first)) {
      ++old;
      continue;
    }
    if (const auto done = set_endpoint(old->first, false); !done) return done;
    old = endpoints_.erase(old);
  }
  for (const auto& [endpoint, owner] : *found) {
    if (!endpoints_.contains(endpoint))
      if (const auto done = set_endpoint(endpoint, true); !done) return done;
    endpoints_[endpoint] = owner;
  }
  return {};
}

void Steering::heartbeat() { store(skeleton_->bss->tasklane_shared.heartbeat_ns, monotonic_now()); }
void Steering::set_room(std::int64_t connections) {
  std::atomic_ref(skeleton_->bss->tasklane_shared.room).store(connections, std::memory_order_relaxed);
}
void Steering::set_stale_after(Duration silence) {
  store(skeleton_->bss->tasklane_shared.stale_after_ns, static_cast<std::uint64_t>(silence.count()));
}
void Steering::suspend() { store(skeleton_->bss->tasklane_shared.heartbeat_ns, 0); }
std::optional<Duration> Steering::heartbeat_age() const {
  const std::uint64_t last =
      std::atomic_ref(skeleton_->bss->tasklane_shared.heartbeat_ns).load(std::memory_order_relaxed);
  if (last == 0) return std::nullopt;
  return std::chrono::nanoseconds(monotonic_now() - last);
}

void Steering::bypass(bool on) { store(skeleton_->bss->tasklane_shared.bypass, on ? 1 : 0); }

bool Steering::bypassed() const {
  return std::atomic_ref(skeleton_->bss->tasklane_shared.bypass).load(std::memory_order_relaxed) != 0;
}

std::set<SocketAddress> Steering::endpoints() const {
  const std::lock_guard lock(endpoints_mutex_);
  std::set<SocketAddress> addresses;
  for (const auto& [endpoint, owner] : endpoints_) addresses.insert(endpoint);
  return addresses;
}

void Steering::give_to_model(int accepted, const SocketAddress& destination) const {
  const std::lock_guard lock(endpoints_mutex_);
  auto listener = endpoints_.find(destination);
  if (listener == endpoints_.end())
    listener = endpoints_.find({IpAddress::wildcard(destination.address.family), destination.port});
  if (listener == endpoints_.end() || listener->second == ::geteuid()) return;
  // Without the privilege (CAP_CHOWN) the connection serves all the same.
  [[maybe_unused]] const int done = ::fchown(accepted, listener->second, static_cast<gid_t>(-1));
}

std::string Steering::device_of(int accepted, const SocketAddress& destination) const {
  const std::lock_guard lock(endpoints_mutex_);
  if (on_devices_.empty()) return {};
  const unsigned index = incoming_device(accepted, destination.address.family);
  const SocketAddress anywhere{IpAddress::wildcard(destination.address.family), destination.port};
  if (!on_devices_.contains({destination, index}) && !on_devices_.contains({anywhere, index})) return {};
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) == nullptr ? std::string() : std::string(name.data());
}

Result<SteeringCounters> Steering::counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return system_error("cannot count the processors", -cpus);
  std::array<std::uint64_t, TASKLANE_VERDICTS> sums{};
  std::vector<std::uint64_t> of_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t verdict = 0; verdict < TASKLANE_VERDICTS; ++verdict) {
    if (bpf_map__lookup_elem(skeleton_->maps.counters, &verdict, sizeof(verdict), of_cpu.data(),
                             of_cpu.size() * sizeof(of_cpu[0]), 0) != 0)
      return system_error("cannot read the steering counters");
    sums[verdict] = std::accumulate(of_cpu.begin(), of_cpu.end(), std::uint64_t{0});
  }
  return SteeringCounters{.steered = sums[TASKLANE_STEERED],
                          .passed_other = sums[TASKLANE_PASSED_OTHER],
                          .passed_own_dial = sums[TASKLANE_PASSED_OWN_DIAL],
                          .passed_bypass = sums[TASKLANE_PASSED_BYPASS],
                          .passed_stale = sums[TASKLANE_PASSED_STALE],
                          .passed_no_listener = sums[TASKLANE_PASSED_NO_LISTENER],
                          .passed_busy = sums[TASKLANE_PASSED_BUSY],
                          .passed_full = sums[TASKLANE_PASSED_FULL]};
}

int Steering::program_fd() const { return bpf_program__fd(skeleton_->progs.steer); }

}  // namespace tasklane
