#include "tools/bench/observe/worth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tools/observe/pcapng_writer.h"
#include "tools/observe/replay.h"
#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr Way quiet{"Tasklane, quiet", true, "quiet.json", false, {}};
constexpr std::array ways{&one_model, &quiet, &task_model};

Config config_of(const HostOptions& host, const Way& way) {
  auto config = load_config(host.config + "/" + way.profile);
  if (!config) throw std::runtime_error(config.error().text());
  return std::move(*config);
}

observe::Trace trace_of(const std::string& file) {
  auto loaded = observe::load_trace(file, {"open-webui"}, {});
  if (!loaded) throw std::runtime_error(loaded.error().text());
  return std::move(*loaded);
}

double off(double found, double right) { return right == 0 ? 0 : found / right - 1; }

Json fit_json(const observe::ServerModel& fitted, const sim::EngineOptions& right) {
  const auto rate = [](double found, double known) {
    return Json{{"fitted", found}, {"right", known}, {"off_by", off(found, known)}};
  };
  return {
      {"prefill", rate(fitted.engine.prefill_rate, right.prefill_rate)},
      {"decode", rate(fitted.engine.decode_rate, right.decode_rate)},
      {"slots", {{"fitted", fitted.engine.slots}, {"right", right.slots}}},
      {"keeps_earlier_prompts", {{"fitted", fitted.engine.host_cache > 0}, {"right", right.host_cache > 0}}}};
}

std::vector<double> chats_of(const Seen& seen) {
  std::vector<double> all = seen.first_turn;
  all.insert(all.end(), seen.later_turns.begin(), seen.later_turns.end());
  return all;
}

std::vector<double> chats_of(const observe::Trace& trace, const observe::ReplayResult& result) {
  std::map<RequestId, RequestClass> classes;
  for (const observe::ObservedRequest& request : trace.requests)
    classes[request.id] = request.request_class();
  std::vector<double> all;
  for (const observe::Fate& fate : result.fates)
    if (classes.at(fate.id) == RequestClass::chat && fate.first_token)
      all.push_back(seconds_of(*fate.first_token - fate.arrived));
  return all;
}

Json prediction(const observe::Trace& trace,
                const std::map<observe::SocketName, observe::ServerModel>& servers, const HostOptions& host,
                const Way& way) {
  const Config config = config_of(host, way);
  const std::vector<double> predicted =
      chats_of(trace, observe::replay(trace, {&config, servers, task_model_speed}));
  const std::vector<double> measured = chats_of(live_virtually(way, host).seen);
  const auto both = [&](double share) {
    const double would = quantile(predicted, share), right = quantile(measured, share);
    return Json{{"predicted", would}, {"measured", right}, {"off_by", off(would, right)}};
  };
  return {{"profile", way.profile},
          {"slots", host.model.slots},
          {"keeps_earlier_prompts", host.model.host_cache > 0},
          {"seed", host.habits.seed},
          {"chats", measured.size()},
          {"chat_ttft_p50_s", both(0.5)},
          {"chat_ttft_p95_s", both(0.95)},
          {"fit", fit_json(servers.begin()->second, host.model)}};
}

}  // namespace

Day write_day(const HostOptions& host, const std::string& file) {
  auto writer = observe::PcapngWriter::create(file, 1, "generated");
  if (!writer) throw std::runtime_error(writer.error().text());
  Day day;
  day.seen = capture_virtually(host, [&](std::string_view frame, Time at) {
    writer->write(frame, frame.size(), at);
    ++day.packets;
  });
  if (const auto closed = writer->close(); !closed) throw std::runtime_error(closed.error().text());
  return day;
}

Json replaying(const HostOptions& host, const std::string& file) {
  std::optional<observe::Trace> trace;
  std::map<observe::SocketName, observe::ServerModel> servers;
  observe::ReplayResult before, after;
  const Config config = config_of(host, one_model);
  const double reading = seconds_for([&] { trace = trace_of(file); });
  const double replaying = seconds_for([&] {
    servers = observe::fit_servers(*trace);
    before = observe::replay(*trace, {nullptr, servers, task_model_speed});
    after = observe::replay(*trace, {&config, servers, task_model_speed});
  });
  return {{"requests", trace->requests.size()},
          {"reading_s", reading},
          {"fit_and_two_replays_s", replaying},
          {"fit", fit_json(servers.begin()->second, host.model)}};
}

Json predictions(HostOptions host, unsigned seeds, const std::string& file) {
  Json rows = Json::array();
  const sim::EngineOptions keeps = host.model;
  const std::uint64_t first_seed = host.habits.seed;
  double worst = 0;
  for (const unsigned slots : {1U, 4U})
    for (const bool host_cache : {true, false})
      for (unsigned seed = 0; seed < seeds; ++seed) {
        host.model = keeps;
        host.model.slots = slots;
        if (!host_cache) host.model.host_cache = 0;
        host.habits.seed = first_seed + seed;
        write_day(host, file);
        const observe::Trace trace = trace_of(file);
        const auto servers = observe::fit_servers(trace);
        for (const Way* way : ways) {
          rows.push_back(prediction(trace, servers, host, *way));
          worst = std::max(worst, std::abs(rows.back()["chat_ttft_p95_s"]["off_by"].get<double>()));
        }
      }
  return {{"worst_p95_off_by", worst}, {"rows", rows}};
}

}  // namespace tasklane::bench
