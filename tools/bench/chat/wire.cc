#include "tools/bench/chat/wire.h"

#include <array>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "tools/bench/chat/agreement.h"
#include "tools/bench/chat/wire_front.h"
#include "tools/bench/chat/wire_text.h"
#include "tools/support/own_network.h"
#include "tools/support/sockets.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array ways{&direct_all, &direct_none, &one_model, &task_model};

// In a network namespace of our own everything below the ports that clients are given is free.
std::function<std::uint16_t()> port_source() {
  if (!tools::enter_own_network_namespace()) return tools::free_port;
  return [next = std::uint16_t{20000}]() mutable { return next++; };
}

struct WireHost {
  WireHost(const Way& its_way, WireStage its_stage, asio::io_context& io, const Habits& habits)
      : way(its_way),
        stage(std::move(its_stage)),
        time(io),
        front(io, stage.port()),
        people(time, front, habits) {}

  const Way& way;
  WireStage stage;
  RealTime time;
  WireFront front;
  People people;
};
using WireHosts = std::vector<std::unique_ptr<WireHost>>;

Habits habits_of(const Way& way, std::uint64_t seed) {
  Habits habits;
  habits.tasks = way.tasks;
  habits.seed = seed;
  habits.answers = simulated_lengths();
  habits.quoted = simulated_quoted;
  return habits;
}

WireHosts settle_hosts(const WireOptions& options, asio::io_context& io) {
  const auto next_port = port_source();
  const WirePrograms programs{options.agent, options.model, options.config};
  WireHosts hosts;
  for (const Way* way : ways)
    for (unsigned i = 0; i < options.hosts; ++i) {
      Result<WireStage> stage = WireStage::set(*way, programs, next_port);
      if (!stage) throw std::runtime_error(stage.error().text());
      hosts.push_back(
          std::make_unique<WireHost>(*way, std::move(*stage), io, habits_of(*way, options.first_seed + i)));
    }
  return hosts;
}

// One side of the comparison: all its hosts on one way.
struct Side {
  Seen seen;
  Counts lanes;
};

Side virtual_side(const Way& way, const WireOptions& options) {
  Side side;
  for (unsigned i = 0; i < options.hosts; ++i) {
    HostOptions host;
    host.habits = habits_of(way, options.first_seed + i);
    host.how_long = from_seconds(options.minutes * 60);
    host.config = options.config;
    const HostSeen lived = live_virtually(way, host);
    add_to(side.seen, lived.seen);
    for (const auto& [name, count] : lane_counts(lived)) side.lanes[name] += count;
  }
  return side;
}

void add_lanes(Counts& to, const nlohmann::json& lanes) {
  for (const LaneEvent& event : lane_events) {
    const std::string lane(to_text(event.lane));
    to[lane + " " + event.name] +=
        lanes["by_lane"].value(lane, nlohmann::json::object()).value(event.name, std::uint64_t{0});
  }
  for (const char* name : {"asked", "finished"})
    to[std::string("rewarm ") + name] += lanes["rewarm"].value(name, std::uint64_t{0});
}

// What the agents took the requests for, beside what they were.
struct Classes {
  Counts asked, recognised;

  [[nodiscard]] bool right() const {
    for (const auto& [name, count] : recognised) {
      const auto found = asked.find(name);
      if (found == asked.end() || count > found->second) return false;
    }
    return true;
  }
};

Json report_on(const Way& way, const WireHosts& hosts, const WireOptions& options) {
  Side wire;
  Classes classes;
  std::size_t failed = 0;
  for (const auto& host : hosts) {
    if (&host->way != &way) continue;
    add_to(wire.seen, host->people.seen());
    failed += host->front.failed();
    for (const auto& [name, count] : host->front.asked()) classes.asked[name] += count;
    const nlohmann::json stats = host->stage.stats();
    for (const auto& row : stats.value("classes", nlohmann::json::array()))
      classes.recognised[row.at("class")] += row.at("requests").get<std::uint64_t>();
    if (stats.contains("lanes")) add_lanes(wire.lanes, stats["lanes"]);
  }
  const Side in_virtual_time = virtual_side(way, options);
  Json json{{"way", way.name}};
  json.update(side_by_side(wire.seen, in_virtual_time.seen));
  json["failed_requests"] = failed;
  if (way.profile != nullptr) {
    json["classes"] = {
        {"asked", classes.asked}, {"recognised", classes.recognised}, {"right", classes.right()}};
    json["lanes"] = {{"wire", wire.lanes}, {"virtual", in_virtual_time.lanes}};
  }
  json["agree"] = json["agree"].get<bool>() && failed == 0 && classes.right();
  return json;
}

}  // namespace

Json compare_on_wire(const WireOptions& options) {
  asio::io_context io(1);
  const WireHosts hosts = settle_hosts(options, io);
  for (const auto& host : hosts) host->people.begin();
  io.run_for(std::chrono::duration_cast<std::chrono::milliseconds>(from_seconds(options.minutes * 60)));
  Json report{{"minutes", options.minutes},
              {"hosts", options.hosts},
              {"first_seed", options.first_seed},
              {"tolerance", tolerance()},
              {"ways", Json::array()}};
  bool agree = true;
  for (const Way* way : ways) {
    report["ways"].push_back(report_on(*way, hosts, options));
    agree = agree && report["ways"].back()["agree"].get<bool>();
  }
  report["agree"] = agree;
  return report;
}

}  // namespace tasklane::bench
