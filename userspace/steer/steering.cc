#include "userspace/steer/steering.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <limits>

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

Result<UniqueFd> copy_of(int descriptor) {
  UniqueFd copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_error("cannot keep the steering program");
  return copy;
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

void Steering::Unmap::operator()(tasklane_shared* memory) const { ::munmap(memory, sizeof(*memory)); }

Steering::Steering(SteeringOptions options, Skeleton skeleton)
    : options_(std::move(options)),
      skeleton_(std::move(skeleton)),
      shared_(&skeleton_->bss->tasklane_shared),
      own_ports_(std::make_shared<OwnPorts>(shared_->own_ports)) {
  shared_->abi_version = TASKLANE_ABI_VERSION;
  shared_->stale_after_ns = static_cast<std::uint64_t>(options_.stale_after.count());
  shared_->room = std::numeric_limits<std::int64_t>::max();
}

Steering::Steering(SteeringOptions options, Mapped memory)
    : options_(std::move(options)),
      mapped_(std::move(memory)),
      shared_(mapped_.get()),
      own_ports_(std::make_shared<OwnPorts>(shared_->own_ports)) {}

Steering::~Steering() { own_ports_->detach(); }

Result<std::unique_ptr<Steering>> Steering::prepare(const SteeringOptions& wanted) {
  const SteeringOptions options = without_duplicates(wanted);
  if (const auto sound = check(options); !sound) return sound.error();
  route_libbpf_messages();
  Skeleton skeleton(steer_bpf::open_and_load());
  if (!skeleton) return why_not_loaded(errno);
  Result<UniqueFd> endpoints = copy_of(bpf_map__fd(skeleton->maps.endpoints));
  if (!endpoints) return endpoints.error();
  std::unique_ptr<Steering> steering(new Steering(options, std::move(skeleton)));
  steering->privileged_ = std::make_unique<SteeredEndpoints>(options.ports, std::move(*endpoints));
  return steering;
}

// Where another agent steers, that is said rather than what else may be wrong.
Result<std::unique_ptr<Steering>> Steering::attach(const SteeringOptions& options,
                                                   const SteeringListeners& listeners) {
  if (const auto sound = check(options); !sound) return sound.error();
  auto locks = lock_all(without_duplicates(options).ports);
  if (!locks) return locks.error();
  auto steering = attach_for_another(options, listeners);
  if (!steering) return steering.error();
  (*steering)->locks_ = std::move(*locks);
  (*steering)->look_itself();
  return steering;
}

Result<std::unique_ptr<Steering>> Steering::attach_for_another(const SteeringOptions& options,
                                                               const SteeringListeners& listeners) {
  auto steering = prepare(options);
  if (!steering) return steering.error();
  if (const auto done = (*steering)->begin(listeners); !done) return done.error();
  return steering;
}

Result<UniqueFd> Steering::memory() const { return copy_of(bpf_map__fd(skeleton_->maps.bss)); }
Result<UniqueFd> Steering::link() const { return copy_of(bpf_link__fd(skeleton_->links.steer)); }

Result<Steering::ByHelper> Steering::attach_by_helper(const SteeringOptions& wanted,
                                                      const SteeringListeners& listeners,
                                                      const std::filesystem::path& socket,
                                                      std::string_view wish) {
  const SteeringOptions options = without_duplicates(wanted);
  if (const auto sound = check(options); !sound) return sound.error();
  std::vector<PortLock> locks;
  if (listeners.ipv4 || listeners.ipv6) {
    auto taken = lock_all(options.ports);
    if (!taken) return taken.error();
    locks = std::move(*taken);
  }
  Helper::Begun begun;
  auto helper = Helper::connect(socket, wish, listeners, begun);
  if (!helper) return helper.error();
  void* memory =
      ::mmap(nullptr, sizeof(tasklane_shared), PROT_READ | PROT_WRITE, MAP_SHARED, begun.memory.get(), 0);
  if (memory == MAP_FAILED) return system_error("cannot share the steering program's memory");
  Mapped mapped(static_cast<tasklane_shared*>(memory));
  if (mapped->abi_version != TASKLANE_ABI_VERSION)
    return Error{"the helper is of another release", socket.string(), "start the agent anew",
                 ExitCode::found};
  std::unique_ptr<Steering> steering(new Steering(options, std::move(mapped)));
  steering->locks_ = std::move(locks);
  steering->link_ = std::move(begun.link);
  if (!steering->locks_.empty()) steering->look_itself();
  steering->work_through(**helper);
  if (const auto heard = steering->hear(); !heard) return heard.error();
  return ByHelper{std::move(*helper), std::move(steering)};
}

Result<void> Steering::begin(const SteeringListeners& listeners) {
  auto listening = ListeningSockets::open();
  if (!listening) return listening.error();
  privileged_->look_into(std::move(*listening));
  if (const auto done = hand_over(listeners); !done) return done;
  if (const auto done = refresh(); !done) return done;
  // No sign of life yet: until the agent serves, the program passes what comes.
  return attach_to_own_namespace();
}

Result<Follower> Steering::follower(NamespaceWish wish) const {
  auto program = copy_of(program_fd());
  auto map = copy_of(bpf_map__fd(skeleton_->maps.listeners));
  auto home = open_own_network_namespace();
  for (const auto* each : {&program, &map, &home})
    if (!*each) return each->error();
  return Follower(std::move(wish), std::move(*program), std::move(*map), options_.ports, std::move(*home));
}

bool Steering::attached() const { return link_ || (skeleton_ && skeleton_->links.steer != nullptr); }

void Steering::note_news() {
  for (NamespaceNews& each : helper_->take_news()) {
    if (each.kind == NamespaceNews::Kind::left) link_.reset();
    if (each.kind == NamespaceNews::Kind::attached) link_ = std::move(each.link);
    news_.push_back(std::move(each));
  }
}

Result<void> Steering::hand_over(const SteeringListeners& listeners) {
  const auto put = [this](std::uint32_t slot, const UniqueFd& listener) -> Result<void> {
    const auto fd = static_cast<std::uint64_t>(listener.get());
    if (bpf_map__update_elem(skeleton_->maps.listeners, &slot, sizeof(slot), &fd, sizeof(fd), BPF_ANY) == 0)
      return {};
    return why_not_loaded(errno);
  };
  privileged_->steer({.ipv4 = static_cast<bool>(listeners.ipv4), .ipv6 = static_cast<bool>(listeners.ipv6)});
  if (listeners.ipv4) {
    if (const auto done = put(TASKLANE_LISTENER_IPV4, listeners.ipv4); !done) return done;
  }
  return listeners.ipv6 ? put(TASKLANE_LISTENER_IPV6, listeners.ipv6) : Result<void>();
}

Result<void> Steering::attach_to_own_namespace() {
  const auto netns = open_own_network_namespace();
  if (!netns) return netns.error();
  skeleton_->links.steer = bpf_program__attach_netns(skeleton_->progs.steer, netns->get());
  if (skeleton_->links.steer == nullptr) return why_not_loaded(errno);
  return {};
}

Result<void> Steering::refresh() {
  if (helper_ != nullptr) {
    const Result<void> heard = hear();
    helper_->ask();
    return heard;
  }
  const Result<bool> changed = privileged_->refresh();
  if (!changed) return changed.error();
  const std::lock_guard lock(endpoints_mutex_);
  if (*changed) view_ = privileged_->view();
  return {};
}

Result<void> Steering::refresh_if_changed() {
  if (helper_ == nullptr || !listening_) return refresh();
  EndpointView now;
  auto listeners = listening_->on(options_.ports, &now.on_devices);
  if (!listeners) return refresh();
  now.listeners = std::move(*listeners);
  if (now == seen_) return hear();
  seen_ = std::move(now);
  return refresh();
}

void Steering::look_itself() {
  if (Result<ListeningSockets> listening = ListeningSockets::open()) listening_ = std::move(*listening);
}

Result<void> Steering::hear() {
  if (helper_ == nullptr) return {};
  const std::lock_guard lock(endpoints_mutex_);
  const Result<void> heard = helper_->hear(view_);
  note_news();
  return heard;
}

void Steering::heartbeat() { store(shared_->heartbeat_ns, monotonic_now()); }
void Steering::set_room(std::int64_t connections) {
  std::atomic_ref(shared_->room).store(connections, std::memory_order_relaxed);
}
void Steering::set_stale_after(Duration silence) {
  store(shared_->stale_after_ns, static_cast<std::uint64_t>(silence.count()));
}
void Steering::suspend() { store(shared_->heartbeat_ns, 0); }
std::optional<Duration> Steering::heartbeat_age() const {
  const std::uint64_t last = std::atomic_ref(shared_->heartbeat_ns).load(std::memory_order_relaxed);
  if (last == 0) return std::nullopt;
  return std::chrono::nanoseconds(monotonic_now() - last);
}

void Steering::bypass(bool on) { store(shared_->bypass, on ? 1 : 0); }

bool Steering::bypassed() const {
  return std::atomic_ref(shared_->bypass).load(std::memory_order_relaxed) != 0;
}

std::set<SocketAddress> Steering::endpoints() const {
  const std::lock_guard lock(endpoints_mutex_);
  std::set<SocketAddress> addresses;
  for (const auto& [endpoint, owner] : view_.listeners) addresses.insert(endpoint);
  return addresses;
}

void Steering::give_to_model(int accepted, const SocketAddress& destination) const {
  const std::lock_guard lock(endpoints_mutex_);
  const uid_t* owner = view_.owner_of(destination);
  if (owner != nullptr && *owner == ::geteuid()) return;
  if (helper_ != nullptr) return helper_->give_to_model(accepted);  // which may know of it by now
  privileged_->give_to_model(accepted);
}

std::string Steering::device_of(int accepted, const SocketAddress& destination) const {
  const std::lock_guard lock(endpoints_mutex_);
  if (view_.on_devices.empty()) return {};
  const unsigned index = incoming_device(accepted, destination.address.family);
  const SocketAddress anywhere{IpAddress::wildcard(destination.address.family), destination.port};
  if (!view_.on_devices.contains({destination, index}) && !view_.on_devices.contains({anywhere, index}))
    return {};
  ifreq named{};  // netdevice(7): of the socket's own network namespace
  named.ifr_ifindex = static_cast<int>(index);
  return ::ioctl(accepted, SIOCGIFNAME, &named) != 0 ? std::string() : std::string(named.ifr_name);
}

SteeringCounters Steering::counters() const {
  const auto count = [this](tasklane_verdict verdict) {
    return std::atomic_ref(shared_->counters[verdict]).load(std::memory_order_relaxed);
  };
  return SteeringCounters{.steered = count(TASKLANE_STEERED),
                          .passed_other = count(TASKLANE_PASSED_OTHER),
                          .passed_own_dial = count(TASKLANE_PASSED_OWN_DIAL),
                          .passed_bypass = count(TASKLANE_PASSED_BYPASS),
                          .passed_stale = count(TASKLANE_PASSED_STALE),
                          .passed_no_listener = count(TASKLANE_PASSED_NO_LISTENER),
                          .passed_busy = count(TASKLANE_PASSED_BUSY),
                          .passed_full = count(TASKLANE_PASSED_FULL)};
}

int Steering::program_fd() const { return bpf_program__fd(skeleton_->progs.steer); }

}  // namespace tasklane
