#include "userspace/agent/agent.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <random>
#include <utility>

#include "shaper/classify/pack.h"
#include "userspace/control/control_server.h"
#include "userspace/control/metrics.h"
#include "userspace/serve/acceptor.h"
#include "userspace/serve/rewarmer.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/steer/netns.h"
#include "userspace/steer/steering.h"

namespace tasklane {
namespace {

// Several signs of life in the shortest allowed `heartbeat.stale`; models that come and go are followed as
// fast.
constexpr auto tick = std::chrono::milliseconds(200);
constexpr int ticks_per_sweep = 5;
// How long answers that are on their way may go on after the agent was told to end.
constexpr auto last_answers = std::chrono::seconds(60);

// Two descriptors a connection: take what the system grants.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t drawn() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

ClassifierOptions classifier_options() {
  ClassifierOptions options;
  options.secret_low = drawn();
  options.secret_high = drawn();
  return options;
}

Result<Config> config_of(const AgentOptions& options) {
  return options.config ? load_config(*options.config) : usual_config();
}

using Packs = std::vector<std::shared_ptr<const Pack>>;

Result<Packs> packs_of(const Config& config, const AgentOptions& options) {
  std::vector<std::filesystem::path> folders{"/etc/tasklane/packs"};
  if (options.config) folders.insert(folders.begin(), options.config->parent_path() / "packs");
  return find_packs(config.packs, folders);
}

bool same_sockets(const Config& a, const Config& b) {
  const auto ports = [](const Config& config) {
    std::vector<std::uint16_t> all;
    for (const Intercept& intercept : config.intercept) all.push_back(intercept.port);
    return all;
  };
  const auto listeners = [](const Config& config) {
    std::vector<std::string> all;
    for (const Listen& l : config.listen)
      all.push_back(l.host + ' ' + std::to_string(l.port) + ' ' + l.to_host + ' ' +
                    std::to_string(l.to_port));
    return all;
  };
  return ports(a) == ports(b) && listeners(a) == listeners(b) && a.metrics == b.metrics &&
         a.control_socket == b.control_socket && a.heartbeat_stale == b.heartbeat_stale;
}

}  // namespace

struct Agent::Parts {
  AgentOptions options;
  asio::io_context io{1};
  std::shared_ptr<const Config> config;
  BodyReader body_reader;
  Statistics statistics;
  std::optional<Classifier> classifier;
  SteeringListeners listeners;
  std::unique_ptr<Steering> steering;  // null: ordinary listeners alone
  std::unique_ptr<UpstreamConnections> upstreams;
  Lanes lanes{io};
  std::unique_ptr<RelayContext> relay;
  std::unique_ptr<Rewarmer> rewarmer;
  std::unique_ptr<SlotProbe> slot_probe;
  std::unique_ptr<Acceptor> acceptor;
  ControlServer control{io};
  asio::signal_set signals{io, SIGTERM, SIGINT, SIGHUP};
  bool ended = false;

  Result<void> configure();
  Result<void> steer();
  Result<void> listen();
  Result<void> open_metrics();
  Result<void> open_control();
  [[nodiscard]] SteeringState steering_state() const;
  ControlAnswer set_bypass(const std::string& body);
  ControlAnswer collect_samples(const std::string& body);
  ControlAnswer take_samples();
  Awaitable<void> keep_time();
  Awaitable<void> obey_signals();
  Awaitable<void> wind_down();
  Awaitable<void> await_haste();
  void sign_of_life();
  Result<void> reload();
};

Result<void> Agent::Parts::configure() {
  Result<Config> loaded = config_of(options);
  if (!loaded) return loaded.error();
  if (options.control_socket) loaded->control_socket = *options.control_socket;
  Result<Packs> packs = packs_of(*loaded, options);
  if (!packs) return packs.error();
  classifier.emplace(std::move(*packs), classifier_options());
  config = std::make_shared<const Config>(std::move(*loaded));
  return {};
}

Result<void> Agent::Parts::steer() {
  if (config->intercept.empty()) return {};
  Result<SteeringListeners> made = make_steering_listeners();
  if (!made) return made.error();
  listeners = std::move(*made);
  SteeringOptions wanted;
  wanted.stale_after = config->heartbeat_stale;
  for (const Intercept& intercept : config->intercept) wanted.ports.push_back(intercept.port);
  Result<std::unique_ptr<Steering>> attached = Steering::attach(wanted, listeners);
  if (!attached) return attached.error();
  steering = std::move(*attached);
  return {};
}

Result<void> Agent::Parts::listen() {
  upstreams = std::make_unique<UpstreamConnections>(io, steering ? steering->dialer() : Dialer(),
                                                    config->limits.connect_timeout);
  relay = std::make_unique<RelayContext>(RelayContext{io, config, *classifier, body_reader, statistics,
                                                      *upstreams, lanes, Canonical(drawn(), drawn())});
  relay->steering = steering.get();
  rewarmer = std::make_unique<Rewarmer>(*relay);
  relay->rewarmer = rewarmer.get();
  slot_probe = std::make_unique<SlotProbe>(*relay);
  relay->slot_probe = slot_probe.get();
  acceptor = std::make_unique<Acceptor>(*relay);
  for (const Listen& wanted : config->listen)
    if (const auto listening = acceptor->add_listener(wanted); !listening) return listening.error();
  if (listeners.ipv4) acceptor->add_steered(listeners.ipv4.release());
  if (listeners.ipv6) acceptor->add_steered(listeners.ipv6.release());
  return {};
}

SteeringState Agent::Parts::steering_state() const {
  SteeringState state;
  state.bypassed = relay->bypass;
  state.admission = &lanes.admission();
  if (!steering) return state;
  state.attached = true;
  state.heartbeat_age = steering->heartbeat_age();
  for (const SocketAddress& endpoint : steering->endpoints()) state.endpoints.push_back(to_text(endpoint));
  if (const Result<SteeringCounters> counters = steering->counters(); counters)
    for (const auto& [name, count] : counters->named()) state.connections.emplace(name, count);
  return state;
}

ControlAnswer Agent::Parts::set_bypass(const std::string& body) {
  const nlohmann::json wish = nlohmann::json::parse(body, nullptr, false);
  if (!wish.is_object() || !wish.contains("on") || !wish["on"].is_boolean())
    return {400, "application/json", R"({"error":"the body must be {\"on\": true} or {\"on\": false}"})"};
  relay->bypass = wish["on"].get<bool>();
  relay->own.pause(relay->bypass);
  if (steering) steering->bypass(relay->bypass);
  return {200, "application/json", nlohmann::json{{"bypassed", relay->bypass}}.dump() + "\n"};
}

// For `tasklane learn --live`: nothing is collected until a person asks.
ControlAnswer Agent::Parts::collect_samples(const std::string& body) {
  constexpr unsigned longest = 3600;
  const nlohmann::json wish = nlohmann::json::parse(body, nullptr, false);
  const bool understood = wish.is_object() && wish.contains("seconds") &&
                          wish["seconds"].is_number_unsigned() && wish["seconds"] >= 1 &&
                          wish["seconds"] <= longest &&
                          wish.value("texts", nlohmann::json(false)).is_boolean();
  if (!understood)
    return {400, "application/json",
            R"({"error":"the body must be {\"seconds\": 1 to 3600, \"texts\": true or false}"})"};
  relay->samples.start(now() + std::chrono::seconds(wish["seconds"].get<unsigned>()),
                       wish.value("texts", false), drawn());
  return {200, "application/json", "{\"collecting\":true}\n"};
}

ControlAnswer Agent::Parts::take_samples() {
  nlohmann::json samples = nlohmann::json::array();
  for (const TaskSample& sample : relay->samples.take()) samples.push_back(to_json(sample));
  return {200, "application/json",
          nlohmann::json{{"samples", std::move(samples)}}.dump(-1, ' ', false,
                                                               nlohmann::json::error_handler_t::replace) +
              "\n"};
}

// In the agent's own network namespace: called before it moves.
Result<void> Agent::Parts::open_metrics() {
  if (!config->metrics) return {};
  ControlServer::Routes routes;
  routes[{"GET", "/metrics"}] = [this](const std::string&) {
    return ControlAnswer{200, prometheus_content_type, prometheus_text(statistics, steering_state())};
  };
  const Result<std::uint16_t> port = control.listen_tcp(*config->metrics, std::move(routes));
  if (!port) return port.error();
  return {};
}

Result<void> Agent::Parts::open_control() {
  ControlServer::Routes routes;
  routes[{"GET", "/stats"}] = [this](const std::string&) {
    return ControlAnswer{200, "application/json", stats_json(statistics, steering_state()).dump() + "\n"};
  };
  routes[{"GET", "/metrics"}] = [this](const std::string&) {
    return ControlAnswer{200, prometheus_content_type, prometheus_text(statistics, steering_state())};
  };
  routes[{"GET", "/health"}] = [](const std::string&) {
    return ControlAnswer{200, "application/json", "{\"ok\":true}\n"};
  };
  routes[{"POST", "/bypass"}] = [this](const std::string& body) { return set_bypass(body); };
  routes[{"POST", "/samples"}] = [this](const std::string& body) { return collect_samples(body); };
  routes[{"GET", "/samples"}] = [this](const std::string&) { return take_samples(); };
  return control.listen_unix(config->control_socket, std::move(routes));
}

// An agent that has all it can carry falls silent: the kernel passes new connections by until there is room
// again.
void Agent::Parts::sign_of_life() {
  if (!steering) return;
  if (acceptor->crowded()) return steering->suspend();
  steering->heartbeat();
  if (const Result<void> refreshed = steering->refresh(); !refreshed)
    spdlog::warn("cannot see which models listen: {}", refreshed.error().text());
}

Awaitable<void> Agent::Parts::keep_time() {
  Timer timer(io.get_executor());
  for (int ticks = 0; !ended; ++ticks) {
    sign_of_life();
    if (ticks % ticks_per_sweep == 0) {
      acceptor->sweep(now());
      upstreams->sweep(now());
      relay->samples.sweep(now());
      relay->answers.sweep(now());
      rewarmer->sweep(now());
      lanes.admission().forget(now());
    }
    timer.expires_after(tick);
    error_code error;
    co_await timer.async_wait(asio::redirect_error(use_await, error));
    if (error) co_return;
  }
}

Result<void> Agent::Parts::reload() {
  Result<Config> loaded = config_of(options);
  if (!loaded) return loaded.error();
  if (options.control_socket) loaded->control_socket = *options.control_socket;
  if (!same_sockets(*config, *loaded))
    return Error{"\"intercept\", \"listen\", \"metrics\", \"control\" or \"heartbeat\" has changed",
                 loaded->source, "these take a restart; nothing of the file was applied"};
  Result<Packs> packs = packs_of(*loaded, options);
  if (!packs) return packs.error();
  classifier->use_packs(std::move(*packs));
  config = std::make_shared<const Config>(std::move(*loaded));
  relay->use(config);
  upstreams->set_connect_timeout(config->limits.connect_timeout);
  slot_probe->configure();
  return {};
}

Awaitable<void> Agent::Parts::obey_signals() {
  for (;;) {
    error_code error;
    const int signal =
        co_await signals.async_wait(asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
    if (error) co_return;
    if (signal != SIGHUP) break;
    if (const Result<void> reloaded = reload(); reloaded)
      spdlog::info("the configuration was read again");
    else
      spdlog::error("the running configuration stays: {}", reloaded.error().text());
  }
  co_await wind_down();
}

// New connections go to the model from here on; what is being answered is answered to its end, for a while.
Awaitable<void> Agent::Parts::wind_down() {
  relay->steering = nullptr;
  steering.reset();
  control.close();
  Timer timer(io.get_executor());
  error_code error;
  timer.expires_after(tick);  // for handshakes that the kernel still completes for us
  co_await timer.async_wait(asio::redirect_error(use_await, error));
  acceptor->finish();
  relay->own.pause(true);
  asio::co_spawn(
      io, [this] { return await_haste(); }, asio::detached);
  const Time end = now() + last_answers;
  while (relay->open_connections > 0) {
    if (now() >= end) acceptor->hang_up();
    timer.expires_after(tick);
    co_await timer.async_wait(asio::redirect_error(use_await, error));
  }
  ended = true;
  signals.cancel();
}

// Told to end a second time: at once.
Awaitable<void> Agent::Parts::await_haste() {
  for (;;) {
    error_code error;
    const int signal =
        co_await signals.async_wait(asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
    if (error) co_return;
    if (signal == SIGHUP) continue;
    acceptor->hang_up();
    co_return;
  }
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::start(const AgentOptions& options) {
  auto parts = std::make_unique<Parts>();
  parts->options = options;
  if (const Result<void> done = parts->configure(); !done) return done.error();
  raise_descriptor_limit();
  if (const Result<void> done = parts->open_metrics(); !done) return done.error();
  if (options.netns)
    if (const Result<void> entered = enter_network_namespace(*options.netns); !entered)
      return entered.error();
  if (const Result<void> done = parts->open_control(); !done) return done.error();
  if (const Result<void> done = parts->steer(); !done) return done.error();
  if (const Result<void> done = parts->listen(); !done) return done.error();
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));  // NOLINT: the constructor is private
}

void Agent::run() {
  asio::co_spawn(
      parts_->io, [this] { return parts_->keep_time(); }, asio::detached);
  asio::co_spawn(
      parts_->io, [this] { return parts_->obey_signals(); }, asio::detached);
  spdlog::info("rules: {}", parts_->config->source);
  for (const Intercept& intercept : parts_->config->intercept)
    spdlog::info("steering port {}", intercept.port);
  for (const Listen& listen : parts_->config->listen)
    spdlog::info("listening on {}:{} for {}:{}", listen.host, listen.port, listen.to_host, listen.to_port);
  parts_->io.run();
}

}  // namespace tasklane
