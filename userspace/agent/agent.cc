#include "userspace/agent/agent.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <thread>
#include <utility>

#include "userspace/agent/files.h"
#include "userspace/agent/parts.h"
#include "userspace/agent/resources.h"
#include "userspace/agent/serving_as_helper.h"

namespace tasklane {
namespace {

ClassifierOptions classifier_options() {
  ClassifierOptions options;
  options.secret_low = drawn();
  options.secret_high = drawn();
  return options;
}

}  // namespace

std::uint64_t drawn() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

Result<void> Agent::Parts::configure() {
  Result<Config> loaded = config_by(options);
  if (!loaded) return loaded.error();
  Result<std::vector<std::shared_ptr<const Pack>>> packs = packs_of(*loaded, options);
  if (!packs) return packs.error();
  classifier.emplace(std::move(*packs), classifier_options());
  Result<Services> known = Services::of(*loaded);
  if (!known) return known.error();
  services = std::move(*known);
  config = std::make_shared<const Config>(std::move(*loaded));
  return {};
}

Result<void> Agent::Parts::steer() {
  if (config->intercept.empty()) return {};
  const SteeringOptions wanted = steering_options(*config);
  if (options.helper) return steer_by_helper(wanted);
  if (config->netns) {
    Result<std::unique_ptr<Steering>> prepared = Steering::prepare(wanted);
    if (!prepared) return prepared.error();
    steering = std::move(*prepared);
    return {};
  }
  Result<SteeringListeners> made = make_steering_listeners();
  if (!made) return made.error();
  listeners = std::move(*made);
  Result<std::unique_ptr<Steering>> attached = Steering::attach(wanted, listeners);
  if (!attached) return attached.error();
  steering = std::move(*attached);
  return {};
}

// Whatever takes privilege is another service's: this process has none from its first instruction on.
Result<void> Agent::Parts::steer_by_helper(const SteeringOptions& wanted) {
  if (!config->netns) {
    Result<SteeringListeners> made = make_steering_listeners();
    if (!made) return made.error();
    listeners = std::move(*made);
  }
  auto begun = Steering::attach_by_helper(wanted, listeners, *options.helper, steering_wish(*config));
  if (!begun) return begun.error();
  helper = std::move(begun->helper);
  steering = std::move(begun->steering);
  return {};
}

Result<void> Agent::Parts::listen() {
  upstreams = std::make_unique<UpstreamConnections>(io, steering ? steering->dialer() : Dialer(),
                                                    config->limits.connect_timeout);
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): an aggregate that stays in its place
  relay.reset(new RelayContext{io, config, *classifier, body_reader, statistics, *upstreams, lanes,
                               Canonical(drawn(), drawn())});
  relay->services = std::make_shared<Services>(std::move(services));
  relay->steering = steering.get();
  rewarmer = std::make_unique<Rewarmer>(*relay);
  relay->rewarmer = rewarmer.get();
  slot_probe = std::make_unique<SlotProbe>(*relay);
  relay->slot_probe = slot_probe.get();
  health_checks = std::make_unique<HealthChecks>(*relay);
  dialect_probe = std::make_unique<DialectProbe>(*relay);
  relay->dialect_probe = dialect_probe.get();
  dialect_probe->look_at_all();
  acceptor = std::make_unique<Acceptor>(*relay);
  for (const Listen& wanted : config->listen)
    if (const auto listening = acceptor->add_listener(wanted); !listening) return listening.error();
  if (listeners.ipv4) acceptor->add_steered(listeners.ipv4.release());
  if (listeners.ipv6) acceptor->add_steered(listeners.ipv6.release());
  readiness.emplace(config->heartbeat_stale);
  share_descriptors_out();
  return {};
}

// Behind this the process may do no more than any other user's. What is done with privilege later is fixed
// here: no message can ask the helper for more.
Result<void> Agent::Parts::give_up_privilege() {
  const Result<Account> account = account_of(options.user);
  if (!account) return account.error();
  if (!helper && (steering || may_change_user())) {
    HelperDuties duties;
    if (steering && config->netns) {
      Result<Follower> follower = steering->follower(*config->netns);
      if (!follower) return follower.error();
      duties.follower.emplace(std::move(*follower));
    }
    duties.endpoints = steering ? steering->give_up_privilege() : nullptr;
    duties.account = *account;
    duties.files = {config_file(options)};
    for (const auto& [name, upstream] : config->upstreams) {
      if (!upstream.service) continue;
      if (const std::string& key = upstream.service->key_file; !key.empty())
        duties.files.push_back(key_path(key));
      if (const std::string& authorities = upstream.service->ca_file; !authorities.empty())
        duties.files.emplace_back(authorities);
    }
    duties.folders = pack_folders(options);
    duties.control_socket = config->control_socket;
    auto started = Helper::start(std::move(duties));
    if (!started) return started.error();
    helper = std::move(*started);
    if (steering) steering->work_through(*helper);
  }
  if (const auto done = become(*account, {}); !done) return done;
  return forbid_what_is_not_needed({});
}

// Where the namespace is there, it is steered before anybody is told that the agent is ready.
Result<void> Agent::Parts::settle() {
  constexpr int turns = 8;
  for (int turn = 0; config->netns && steering && place.empty() && turn < turns; ++turn) {
    follow_models({.resources = false, .models = true, .helper = true, .sweep = false});
    if (!models_unseen.empty())
      return Error{models_unseen, "netns " + config->netns->text, "", ExitCode::not_permitted};
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  if (steering) steering->heartbeat();
  if (config->netns && steering && place.empty())
    spdlog::warn("{} is not there: nothing is steered until it is", config->netns->text);
  return {};
}

void Agent::Parts::share_descriptors_out() {
  const DescriptorShare share = share_descriptors();
  acceptor->allow_at_most(share.connections);
  upstreams->keep_at_most(share.idle);
  if (share.connections < config->limits.max_connections)
    spdlog::warn("max_connections is {}: the {} descriptors of this process allow no more", share.connections,
                 share.limit);
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(const AgentOptions& options) {
  // Before anything of its own is opened, which might have that number.
  if (const auto& told = options.ready_descriptor; told && ::fcntl(*told, F_GETFD) < 0)
    return Error{"descriptor " + std::to_string(*told) + " is not open", "--ready-fd",
                 "open it where the agent is started: --ready-fd 3 3>FILE"};
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  parts->manager = ServiceManager::from_environment();
  if (const Result<Account> known = account_of(options.user); !known) return known.error();
  if (const Result<void> done = parts->configure(); !done) return done.error();
  raise_descriptor_limit();
  raise_memory_lock_limit();
  if (const Result<void> done = parts->open_metrics(); !done) return done.error();
  if (!options.helper)
    if (const Result<void> done = find_place(*parts->config); !done) return done.error();
  if (const Result<void> done = parts->open_control(); !done) return done.error();
  if (const Result<void> done = parts->steer(); !done) return done.error();
  if (const Result<void> done = parts->listen(); !done) return done.error();
  if (const Result<void> done = parts->give_up_privilege(); !done) return done.error();
  if (const Result<void> done = parts->settle(); !done) return done.error();
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));  // NOLINT: the constructor is private
}

// As s6 has it: whoever waits for a line needs nothing else of systemd's.
void Agent::Parts::tell_ready() {
  if (!options.ready_descriptor) return;
  const UniqueFd told(*std::exchange(options.ready_descriptor, std::nullopt));
  [[maybe_unused]] const ssize_t written = ::write(told.get(), "\n", 1);
}

void Agent::Parts::start_working() {
  spawn(io, "the pulse", keep_time());
  spawn(io, "the signals", obey_signals());
  acceptor->when_changed([this] {
    tell_room();
    wake();
  });
  spdlog::info("rules: {}", config->source);
  for (const Intercept& intercept : config->intercept) spdlog::info("steering port {}", intercept.port);
  tell_what_leaves();
  for (const Listen& each : config->listen)
    spdlog::info("listening on {}:{} for {}:{}", each.host, each.port, each.to_host, each.to_port);
  manager.say("READY=1");
  tell_ready();
}

ExitCode Agent::run() {
  parts_->start_working();
  run_loop(parts_->io);
  // The system cannot be told to stop asking for a name: whatever is taken down would wait for its answer.
  if (parts_->upstreams->resolving() > 0) std::_Exit(static_cast<int>(parts_->outcome));
  return parts_->outcome;
}

}  // namespace tasklane
