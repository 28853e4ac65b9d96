// What signals ask of the agent: SIGHUP reads the configuration again, SIGTERM and SIGINT end it.
#include <spdlog/spdlog.h>

#include "userspace/agent/parts.h"

namespace tasklane {
namespace {

// How long tasks that are on their way may go on after the agent was told to end. Chats go on to their end:
// nobody's answer is cut.
constexpr auto last_tasks = std::chrono::seconds(60);

// For handshakes that the kernel still completes for us, from as far away as a person's browser may be.
constexpr auto last_handshakes = 3 * tick;

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
  const auto netns = [](const Config& config) { return config.netns ? config.netns->text : std::string(); };
  return ports(a) == ports(b) && listeners(a) == listeners(b) && a.metrics == b.metrics &&
         a.control_socket == b.control_socket && a.heartbeat_stale == b.heartbeat_stale &&
         netns(a) == netns(b);
}

}  // namespace

Result<void> Agent::Parts::reload() {
  Result<Config> loaded = config_of(options, helper.get());
  if (!loaded) return loaded.error();
  if (options.control_socket) loaded->control_socket = *options.control_socket;
  if (options.netns) loaded->netns = config->netns;
  if (!same_sockets(*config, *loaded))
    return Error{
        "\"intercept\", \"listen\", \"netns\", \"metrics\", \"control\" or \"heartbeat\" has changed",
        loaded->source, "these take a restart; nothing of the file was applied"};
  Result<std::vector<std::shared_ptr<const Pack>>> packs = packs_of(*loaded, options, helper.get());
  if (!packs) return packs.error();
  Result<Services> known = Services::of(*loaded, service_files(helper.get()));
  if (!known) return known.error();
  classifier->use_packs(std::move(*packs));
  config = std::make_shared<const Config>(std::move(*loaded));
  relay->use(config, std::move(*known));
  upstream_health.clear();
  tell_what_leaves();
  upstreams->set_connect_timeout(config->limits.connect_timeout);
  slot_probe->configure();
  dialect_probe->look_at_all();
  return {};
}

Result<void> Agent::Parts::reload_and_tell() {
  const Result<void> reloaded = reload();
  if (reloaded)
    spdlog::info("the configuration was read again");
  else
    spdlog::error("the running configuration stays: {}", reloaded.error().text());
  return reloaded;
}

Awaitable<void> Agent::Parts::obey_signals() {
  for (;;) {
    error_code error;
    const int signal =
        co_await signals.async_wait(asio::redirect_error(asio::use_awaitable_t<Executor>(), error));
    if (error) co_return;
    if (signal != SIGHUP) break;
    reload_and_tell();
  }
  co_await wind_down();
}

// New connections go to the model from here on; what is being answered is answered to its end.
Awaitable<void> Agent::Parts::wind_down() {
  manager.say("STOPPING=1");
  relay->ending = true;
  acceptor->when_changed(nullptr);
  relay->steering = nullptr;
  steering.reset();
  control.close();
  if (helper) helper->remove_control_socket();
  Timer timer(io.get_executor());
  error_code error;
  timer.expires_after(last_handshakes);
  co_await timer.async_wait(asio::redirect_error(use_await, error));
  acceptor->finish();
  relay->own.pause(true);
  spawn(io, "the second signal", await_haste());
  const Time end = now() + last_tasks;
  while (relay->open_connections > 0) {
    if (now() >= end) acceptor->hang_up_tasks();
    timer.expires_after(tick);
    co_await timer.async_wait(asio::redirect_error(use_await, error));
    manager.feed(now());
  }
  ended = true;
  next_beat.cancel();
  signals.cancel();
  upstreams->keep_none();                     // one by TLS would keep the event loop turning
  if (upstreams->resolving() > 0) io.stop();  // nobody waits for it any more
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

}  // namespace tasklane
