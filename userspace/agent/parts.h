// What the agent is made of, for the files that put it to work. One thread.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "shaper/classify/pack.h"
#include "userspace/agent/agent.h"
#include "userspace/agent/pace.h"
#include "userspace/agent/readiness.h"
#include "userspace/agent/resources.h"
#include "userspace/agent/service_manager.h"
#include "userspace/control/control_server.h"
#include "userspace/control/metrics.h"
#include "userspace/serve/acceptor.h"
#include "userspace/serve/dialect_probe.h"
#include "userspace/serve/health_checks.h"
#include "userspace/serve/rewarmer.h"
#include "userspace/serve/services.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/steer/helper.h"
#include "userspace/steer/steering.h"
#include "userspace/wire/spawn.h"

namespace tasklane {

// From the files: the configuration, and the rule packs that it names. What this process may not read,
// `helper` does (null: nobody).
Result<Config> config_of(const AgentOptions& options, Helper* helper = nullptr);
Result<std::vector<std::shared_ptr<const Pack>>> packs_of(const Config& config, const AgentOptions& options,
                                                          Helper* helper = nullptr);
// The keys and authorities of services, likewise. `helper` must outlive the reading.
ServiceFiles service_files(Helper* helper);
// 64 random bits.
std::uint64_t drawn();

struct Agent::Parts {
  AgentOptions options;
  // One thread uses its sockets and timers; what runs beside it only posts.
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  std::shared_ptr<const Config> config;
  Services services;  // until the relay has them
  BodyReader body_reader;
  Statistics statistics;
  std::optional<Classifier> classifier;
  SteeringListeners listeners;
  std::unique_ptr<Helper> helper;      // null: it was started without privilege
  std::unique_ptr<Steering> steering;  // null: ordinary listeners alone
  std::unique_ptr<UpstreamConnections> upstreams;
  Lanes lanes{io};
  std::unique_ptr<RelayContext> relay;
  std::unique_ptr<Rewarmer> rewarmer;
  std::unique_ptr<SlotProbe> slot_probe;
  std::unique_ptr<HealthChecks> health_checks;
  std::unique_ptr<DialectProbe> dialect_probe;
  std::unique_ptr<Acceptor> acceptor;
  ControlServer control{io};
  asio::signal_set signals{io, SIGTERM, SIGINT, SIGHUP};
  ServiceManager manager;
  std::optional<Readiness> readiness;
  const MemoryGroups memory_groups;
  Pace pace;
  Timer next_beat{io.get_executor()};
  bool descriptors_spare = true;  // when it was last looked
  bool memory_spare = true;
  std::uint64_t places = 0;   // network namespaces entered, where one is followed
  std::string place;          // the one now, for a person; empty: it is gone, or none is followed
  std::string models_unseen;  // why the listening sockets cannot be seen; empty: they are
  std::map<std::string, std::string> upstream_health;  // as it was told last
  std::uint64_t priority_refusals = 0;                 // that were told
  bool ended = false;
  ExitCode outcome = ExitCode::done;

  // The start, in this order: agent.cc.
  Result<void> configure();
  Result<void> steer();
  Result<void> steer_by_helper(const SteeringOptions& wanted);
  Result<void> listen();
  Result<void> give_up_privilege();
  Result<void> settle();
  void share_descriptors_out();

  // What there is to say of the upstreams: upstreams.cc.
  void tell_what_leaves() const;
  void tell_changed_upstreams();
  [[nodiscard]] std::vector<UpstreamState> upstream_states() const;

  // What the control socket and the metrics listener answer: control_routes.cc.
  Result<void> open_metrics();
  Result<void> open_control();
  [[nodiscard]] SteeringState steering_state() const;
  ControlAnswer set_bypass(const std::string& body);
  ControlAnswer reload_at_a_word();
  static ControlAnswer change_log_level(const std::string& body);
  ControlAnswer collect_samples(const std::string& body);
  ControlAnswer take_samples();
  void start_working();
  void tell_ready();

  // The pulse: keeping_time.cc.
  Awaitable<void> keep_time();
  void beat(Duration late);
  void sign_of_life(Duration late, bool with_room);
  void wake();
  void tell_room();
  void look_at_resources();
  Result<void> refresh_models(const Pace::Due& due);
  void follow_models(const Pace::Due& due);
  void follow_place(NamespaceNews news);
  void end_without_helper();
  void sweep();

  // The end, and what else signals ask for: obeying.cc.
  Awaitable<void> obey_signals();
  Result<void> reload_and_tell();
  Awaitable<void> wind_down();
  Awaitable<void> await_haste();
  Result<void> reload();
};

}  // namespace tasklane
