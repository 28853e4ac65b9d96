#include "tools/bench/chat/ways.h"

#include <stdexcept>

#include "tools/bench/chat/shaped.h"

namespace tasklane::bench {

sim::EngineOptions model_options() {
  sim::EngineOptions engine;
  engine.flavour = sim::Flavour::llama;
  engine.slots = 1;
  engine.prefill_rate = 300;
  engine.decode_rate = 20;
  engine.batch = 2048;
  return engine;
}

Counts lane_counts(const HostSeen& host) {
  Counts counts;
  for (const LaneEvent& event : lane_events)
    if (const auto lane = host.lanes.find(event.lane); lane != host.lanes.end())
      counts[std::string(to_text(event.lane)) + " " + event.name] = lane->second.*event.count;
  counts["rewarm asked"] = host.rewarm.asked;
  counts["rewarm finished"] = host.rewarm.finished;
  counts["grafted"] = host.relay.grafted;
  counts["graft refused"] = host.relay.graft_refused;
  counts["graft tokens spared"] = host.relay.graft_tokens_spared;
  counts["misjudged"] = host.misjudged;
  return counts;
}

namespace {

void leave_out(Config& config, const Without& without) {
  for (Rule& rule : config.rules) {
    LaneSettings& settings = rule.then.settings;
    if (without.settle) settings.settle = {};
    if (without.quiet) settings.quiet = {};
    if (without.preempt) settings.preempt.reset();
    if (without.slices) settings.slices = false;
  }
  for (auto& [name, upstream] : config.upstreams) {
    if (without.rewarm) upstream.rewarm = false;
    if (without.graft) upstream.graft = false;
  }
}

}  // namespace

HostSeen live_virtually(const Way& way, HostOptions options) {
  World world;
  Server model(world, options.model);
  sim::EngineOptions small = options.model;
  small.prefill_rate *= task_model_speed;
  small.decode_rate *= task_model_speed;
  Server task(world, small);
  std::optional<Config> config;
  if (way.profile != nullptr) {
    Result<Config> read = load_config(options.config + "/" + way.profile);
    if (!read) throw std::runtime_error(read.error().text());
    config = std::move(*read);
    leave_out(*config, way.without);
  }
  std::unique_ptr<Front> front;
  const Shaped* shaped = nullptr;
  if (config) {
    auto through = std::make_unique<Shaped>(world, model, way.second_server ? &task : nullptr, *config,
                                            options.model.slots);
    shaped = through.get();
    front = std::move(through);
  } else {
    front = std::make_unique<Direct>(world, model);
  }
  options.habits.tasks = way.tasks;
  People people(world, *front, options.habits);
  people.begin();
  world.run(options.how_long);
  HostSeen all{people.seen(),
               {},
               {},
               shaped == nullptr ? RelayCounters{} : shaped->counters(),
               shaped == nullptr ? 0 : shaped->misjudged(),
               model.requests(),
               model.prompt_tokens(),
               task.requests()};
  if (const Admission* admission = front->admission()) {
    all.lanes = admission->counters();
    all.rewarm = admission->rewarm_counters();
  }
  return all;
}

}  // namespace tasklane::bench
