// The steering of new connections for a model's ports to the agent: the BPF program, its link and its memory.
// What goes wrong here must leave the traffic direct: the link is not pinned and ends with this object or
// with the process.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "userspace/steer/dialer.h"
#include "userspace/steer/helper.h"
#include "userspace/steer/port_lock.h"
#include "userspace/steer/socket_address.h"
#include "userspace/steer/steered_endpoints.h"
#include "userspace/steer/steering_listeners.h"

struct steer_bpf;  // the skeleton, made by the build
struct tasklane_shared;

namespace tasklane {

struct SteeringOptions {
  std::vector<std::uint16_t> ports;
  Duration stale_after = std::chrono::seconds(2);  // an agent silent for longer is passed by
};

// New connections of the namespace, by what became of them, since the program was attached.
struct SteeringCounters {
  std::uint64_t steered = 0;
  std::uint64_t passed_other = 0;        // not for a model
  std::uint64_t passed_own_dial = 0;     // the agent's own
  std::uint64_t passed_bypass = 0;       // told to
  std::uint64_t passed_stale = 0;        // the agent hangs
  std::uint64_t passed_no_listener = 0;  // the agent's listener is gone
  std::uint64_t passed_busy = 0;         // the kernel refused the assignment
  std::uint64_t passed_full = 0;         // the agent had no room for another

  // For whoever prints them all.
  [[nodiscard]] std::array<std::pair<std::string_view, std::uint64_t>, 8> named() const;
};

class Steering {
 public:
  // Attaches to the network namespace of the calling thread. The listeners stay the caller's. Steers
  // from the first heartbeat() on: from there the agent must accept, and give one and a refresh() several
  // times in stale_after.
  static Result<std::unique_ptr<Steering>> attach(const SteeringOptions& options,
                                                  const SteeringListeners& listeners);
  // The same for an agent that has the port's lock and serves by itself what this process only attaches.
  static Result<std::unique_ptr<Steering>> attach_for_another(const SteeringOptions& options,
                                                              const SteeringListeners& listeners);
  // What that agent works with.
  Result<UniqueFd> memory() const;
  Result<UniqueFd> link() const;
  // That agent's, by a helper of whom nothing is asked at the start but to begin (Helper::connect()).
  struct ByHelper {
    std::unique_ptr<Helper> helper;
    std::unique_ptr<Steering> steering;
  };
  static Result<ByHelper> attach_by_helper(const SteeringOptions& options, const SteeringListeners& listeners,
                                           const std::filesystem::path& socket, std::string_view wish);
  // Steers nothing until a helper that has follower() among its duties finds the namespace; wherever that
  // goes, it is followed. Tells by take_news() what becomes of it.
  static Result<std::unique_ptr<Steering>> prepare(const SteeringOptions& options);
  Result<Follower> follower(NamespaceWish wish) const;
  ~Steering();  // detaches; established connections go on
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;

  // Looks again where models listen. Cheap: a dump of the listening sockets. One thread at a time.
  Result<void> refresh();
  // The same where somebody else may be asked for it, and need not be while nothing has changed: who listens
  // anybody may see. Where a namespace is followed only the helper can.
  Result<void> refresh_if_changed();
  // Hears what that has found since; cheaper still.
  Result<void> hear();
  // What takes privilege from here on, for a helper's duties. Behind that, `helper` does it, and must live as
  // long as this.
  std::unique_ptr<SteeredEndpoints> give_up_privilege() { return std::move(privileged_); }
  void work_through(Helper& helper) { helper_ = &helper; }

  // Of the followed namespace, since it was last asked; the listeners are the caller's, to be accepted on
  // until it is left.
  std::vector<NamespaceNews> take_news() { return std::move(news_); }
  // Whether new connections of some namespace are seen.
  [[nodiscard]] bool attached() const;

  // A sign of life; no system call, any thread.
  void heartbeat();
  // How many new connections may be steered until this is said again; further ones pass. No bound until then.
  void set_room(std::int64_t connections);
  // An agent silent for longer is passed by from here on.
  void set_stale_after(Duration silence);
  // Passes every new connection from now until the next heartbeat: for an agent that has all it can carry.
  void suspend();
  // How long ago the last one was; none: suspended. Any thread.
  [[nodiscard]] std::optional<Duration> heartbeat_age() const;

  // Where a listener that is bound to an interface would have taken this accepted connection, that
  // interface's name; else empty. Any thread.
  [[nodiscard]] std::string device_of(int accepted, const SocketAddress& destination) const;

  // Stops and resumes steering at once; any thread.
  void bypass(bool on);
  [[nodiscard]] bool bypassed() const;

  // Where models listen and are steered; any thread.
  [[nodiscard]] std::set<SocketAddress> endpoints() const;
  [[nodiscard]] SteeringCounters counters() const;

  // Gives a steered connection's socket to the user whose model it was meant for. It occupies the model's
  // port, and a server that binds with SO_REUSEPORT alone (cpp-httplib, so llama-server) could not start
  // again while a client stays connected, but beside sockets of its own user it can. For each accepted
  // connection; any thread.
  void give_to_model(int accepted, const SocketAddress& destination) const;

  // Makes the sockets for the agent's own connections; any thread; may outlive this.
  [[nodiscard]] Dialer dialer() const { return {own_ports_, options_.ports}; }

  [[nodiscard]] const SteeringOptions& options() const { return options_; }
  // The steering program, for a test of it alone.
  [[nodiscard]] int program_fd() const;

 private:
  struct CloseSkeleton {
    void operator()(steer_bpf* skeleton) const;
  };
  using Skeleton = std::unique_ptr<steer_bpf, CloseSkeleton>;

  struct Unmap {
    void operator()(tasklane_shared* memory) const;
  };
  using Mapped = std::unique_ptr<tasklane_shared, Unmap>;

  Steering(SteeringOptions options, Skeleton skeleton);
  Steering(SteeringOptions options, Mapped memory);
  Result<void> begin(const SteeringListeners& listeners);
  void look_itself();
  void note_news();
  Result<void> hand_over(const SteeringListeners& listeners);
  Result<void> attach_to_own_namespace();

  SteeringOptions options_;
  std::vector<PortLock> locks_;
  Skeleton skeleton_;  // null: another process has loaded the program
  Mapped mapped_;      // its memory
  tasklane_shared* shared_;
  std::unique_ptr<SteeredEndpoints> privileged_;
  Helper* helper_ = nullptr;
  std::optional<ListeningSockets> listening_;  // of the agent's own namespace
  EndpointView seen_;                          // there, last
  std::vector<NamespaceNews> news_;
  UniqueFd link_;  // where another process has attached
  std::shared_ptr<OwnPorts> own_ports_;

  mutable std::mutex endpoints_mutex_;
  EndpointView view_;
};

}  // namespace tasklane
