#include "relay/relay_fixture.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "shaper/classify/pack.h"
#include "shaper/classify/wording.h"
#include "userspace/serve/acceptor.h"
#include "userspace/serve/bypass.h"
#include "userspace/serve/dialect_probe.h"
#include "userspace/serve/health_checks.h"
#include "userspace/serve/rewarmer.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

std::shared_ptr<const Pack> as_if_shipped(const Pack& pack) {
  auto copy = std::make_shared<Pack>(pack);
  for (PackEntry& entry : copy->entries)
    if (entry.request_class == RequestClass::title) entry.shipped.push_back(wording_of(title_words));
  return copy;
}

Result<Config> configured(const std::string& original, const std::string& more) {
  const std::string text =
      R"({"version": 1, "listen": [{"address": "127.0.0.1:1", "to": ")" + original + "\"}]" + more + "}";
  return parse_config(text, "test");
}

}  // namespace

struct RelayTest::Relay {
  void set_up(Duration prewarm_pause);
  void run_to_its_end();

  std::shared_ptr<const Config> config;
  asio::io_context io{1};
  unsigned escaped = 0;
  asio::executor_work_guard<Executor> guard{io.get_executor()};
  std::unique_ptr<Classifier> classifier;
  BodyReader body_reader;
  Statistics statistics;
  std::unique_ptr<UpstreamConnections> upstreams;
  Lanes lanes{io};
  std::unique_ptr<RelayContext> context;
  std::unique_ptr<Rewarmer> rewarmer;
  std::unique_ptr<SlotProbe> slot_probe;
  std::unique_ptr<HealthChecks> health_checks;
  std::unique_ptr<DialectProbe> dialect_probe;
  std::unique_ptr<Acceptor> acceptor;
  std::uint16_t port = 0;
  std::thread thread;
};

void RelayTest::Relay::set_up(Duration prewarm_pause) {
  Result<std::vector<std::shared_ptr<const Pack>>> packs =
      find_packs(config->packs, {std::string(TASKLANE_SOURCE_DIR) + "/config/packs"});
  ASSERT_TRUE(packs.has_value()) << packs.error().text();
  for (std::shared_ptr<const Pack>& pack : *packs) pack = as_if_shipped(*pack);
  classifier = std::make_unique<Classifier>(std::move(*packs));
  upstreams = std::make_unique<UpstreamConnections>(io, Dialer(), config->limits.connect_timeout);
  context.reset(
      new RelayContext{io, config, *classifier, body_reader, statistics, *upstreams, lanes, Canonical(1, 2)});
  Result<Services> services = Services::of(*config);
  ASSERT_TRUE(services.has_value()) << services.error().text();
  context->services = std::make_shared<Services>(std::move(*services));
  rewarmer = std::make_unique<Rewarmer>(*context, prewarm_pause);
  context->rewarmer = rewarmer.get();
  slot_probe = std::make_unique<SlotProbe>(*context);
  context->slot_probe = slot_probe.get();
  health_checks = std::make_unique<HealthChecks>(*context, std::chrono::milliseconds(300));
  dialect_probe = std::make_unique<DialectProbe>(*context);
  acceptor = std::make_unique<Acceptor>(*context);
  Listen listen = config->listen.front();
  listen.port = 0;
  const Result<std::uint16_t> listening = acceptor->add_listener(listen);
  ASSERT_TRUE(listening.has_value()) << listening.error().text();
  port = *listening;
  thread = std::thread([this] { run_to_its_end(); });
}

// A handler that is out of memory, which would end the agent, ends no test.
void RelayTest::Relay::run_to_its_end() {
  for (;;) try {
      io.run();
      return;
    } catch (const std::bad_alloc&) {
      ++escaped;
    }
}

RelayTest::RelayTest() : relay_(std::make_unique<Relay>()) {}
RelayTest::~RelayTest() = default;

void RelayTest::start(const std::string& more) {
  Result<Config> config = configured(original, more);
  ASSERT_TRUE(config.has_value()) << config.error().text();
  relay_->config = std::make_shared<const Config>(std::move(*config));
  relay_->set_up(prewarm_pause);
}

void RelayTest::ask_for_dialects() {
  run_in_relay([&] {
    relay_->context->dialect_probe = relay_->dialect_probe.get();
    relay_->dialect_probe->look_at_all();
  });
}

void RelayTest::start_unconfigured() {
  Result<Config> config = default_config();
  ASSERT_TRUE(config.has_value()) << config.error().text();
  config->listen = configured(original, "")->listen;
  relay_->config = std::make_shared<const Config>(std::move(*config));
  relay_->set_up(prewarm_pause);
}

void RelayTest::reload(const std::string& more) {
  Result<Config> config = configured(original, more);
  ASSERT_TRUE(config.has_value()) << config.error().text();
  run_in_relay([&] {
    Result<Services> services = Services::of(*config);
    EXPECT_TRUE(services.has_value()) << services.error().text();
    relay_->context->use(std::make_shared<const Config>(std::move(*config)), std::move(*services));
    relay_->slot_probe->configure();
  });
}

void RelayTest::end() {
  if (!relay_->thread.joinable()) return;
  asio::post(relay_->io, [this] {
    relay_->acceptor->finish();
    relay_->context->own.pause(true);
    relay_->acceptor->hang_up();
    relay_->upstreams->keep_none();
    relay_->guard.reset();
  });
  relay_->thread.join();
}

Peer RelayTest::client() { return Peer::to(relay_->port); }
Admission& RelayTest::admission() { return relay_->lanes.admission(); }

void RelayTest::run_in_relay(const std::function<void()>& action) {
  std::packaged_task<void()> work(action);
  std::future<void> done = work.get_future();
  asio::post(relay_->io, [&work] { work(); });
  done.get();
}

RelayCounters RelayTest::counters() {
  return in_relay([this] { return relay_->statistics.relay(); });
}

Row RelayTest::row(RequestClass request_class, const std::string& upstream) {
  return in_relay([&] { return relay_->statistics.row(request_class, upstream); });
}

void RelayTest::sweep(Duration ahead) {
  run_in_relay([&] { relay_->acceptor->sweep(now() + ahead); });
}

void RelayTest::ask_after_upstreams(Duration ahead) {
  run_in_relay([&] { relay_->health_checks->sweep(now() + ahead); });
}

std::string RelayTest::health_of(const std::string& upstream) {
  return in_relay(
      [&] { return std::string(to_text(relay_->context->book.upstream({upstream}).health->state(now()))); });
}

std::size_t RelayTest::prompts_kept_after(Duration ahead) {
  return in_relay([&] {
    relay_->rewarmer->sweep(now() + ahead);
    return relay_->rewarmer->kept();
  });
}

void RelayTest::bypass(bool on) {
  run_in_relay([&] { set_bypass(*relay_->context, on); });
}

void RelayTest::finish() {
  run_in_relay([&] { relay_->acceptor->finish(); });
}

void RelayTest::hang_up_tasks() {
  run_in_relay([&] { relay_->acceptor->hang_up_tasks(); });
}

void RelayTest::hang_up() {
  run_in_relay([&] { relay_->acceptor->hang_up(); });
}

void RelayTest::count_escapes() {
  run_in_relay([this] {
    asio::use_service<Escapes>(relay_->io).react_with([this](const char*, const std::exception_ptr&) {
      ++relay_->escaped;
    });
  });
}

unsigned RelayTest::escaped() {
  return in_relay([this] { return relay_->escaped; });
}

std::uint64_t RelayTest::under_way() {
  return in_relay([this] {
    std::uint64_t count = relay_->context->open_connections + relay_->context->memory.held();
    for (const auto& [key, row] : relay_->statistics.rows()) count += row.in_flight;
    return count + admission().held();
  });
}

void RelayTest::leave_memory(std::uint64_t bytes) {
  run_in_relay([&] { relay_->context->memory.set_limit(relay_->context->memory.held() + bytes); });
}

std::uint64_t RelayTest::memory_held() {
  return in_relay([this] { return relay_->context->memory.held(); });
}

std::size_t RelayTest::resolving() {
  return in_relay([this] { return relay_->upstreams->resolving(); });
}

std::function<void()> RelayTest::occupy(std::uint64_t bytes) {
  const auto freed = std::make_shared<std::promise<void>>();
  run_in_relay([&] {
    EXPECT_TRUE(relay_->context->side.has_room(bytes));
    spawn(relay_->io, "a test", [&side = relay_->context->side, bytes, freed]() -> Awaitable<void> {
      const auto wait = [freed] { freed->get_future().wait(); };
      co_await side.run(bytes, wait);
    });
  });
  return [freed] { freed->set_value(); };
}

}  // namespace tasklane
