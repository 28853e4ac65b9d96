#include "tools/bench/chat/wire.h"

#include <array>
#include <iostream>
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

Seen seen_virtually(const Way& way, const WireOptions& options) {
  Seen crowd;
  for (unsigned i = 0; i < options.hosts; ++i) {
    HostOptions host;
    host.habits = habits_of(way, options.first_seed + i);
    host.how_long = from_seconds(options.minutes * 60);
    host.config = options.config;
    add_to(crowd, live_virtually(way, host).seen);
  }
  return crowd;
}

// What the agents took the requests for, beside what they were.
void add_classes(Json& json, const std::map<std::string, std::uint64_t>& asked,
                 const std::map<std::string, std::uint64_t>& recognised) {
  bool right = true;
  for (const auto& [name, count] : recognised) {
    const auto found = asked.find(name);
    right = right && found != asked.end() && count <= found->second;
  }
  json["classes_asked"] = asked;
  json["classes_recognised"] = recognised;
  json["classes_right"] = right;
}

Json report_on(const Way& way, const WireHosts& hosts, const WireOptions& options) {
  Seen crowd;
  std::map<std::string, std::uint64_t> asked;
  std::map<std::string, std::uint64_t> recognised;
  std::size_t failed = 0;
  Json lanes = Json::array();
  for (const auto& host : hosts) {
    if (&host->way != &way) continue;
    add_to(crowd, host->people.seen());
    failed += host->front.failed();
    for (const auto& [name, count] : host->front.asked()) asked[name] += count;
    const nlohmann::json stats = host->stage.stats();
    for (const auto& row : stats.value("classes", nlohmann::json::array()))
      recognised[row.at("class")] += row.at("requests").get<std::uint64_t>();
    if (stats.contains("lanes")) lanes.push_back(Json(stats["lanes"]));
  }
  Json json{{"way", way.name}};
  json.update(side_by_side(crowd, seen_virtually(way, options)));
  json["failed_requests"] = failed;
  if (way.profile != nullptr) {
    add_classes(json, asked, recognised);
    json["lanes"] = lanes;
  }
  json["agree"] = json["agree"].get<bool>() && failed == 0 && json.value("classes_right", true);
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
