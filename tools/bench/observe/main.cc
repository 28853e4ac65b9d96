// `bench_observe`: what reading a capture costs, beside tcpdump and tshark on the same file; and what a
// replay is worth: a day of people at a simulated model of known rates is written down as packets, observed,
// fitted and replayed by the one-model rules, and held against the same people with the real lanes.
#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/bench/observe/day.h"
#include "tools/observe/observe.h"
#include "tools/observe/pcapng_writer.h"
#include "tools/observe/replay_report.h"
#include "tools/support/cpu.h"
#include "tools/support/program.h"
#include "tools/support/quantile.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  double hours = 24;
  std::uint64_t seed = 1;
  std::string keep;  // the capture
  std::string config = TASKLANE_SOURCE_DIR "/config";
};

template <class Work>
double seconds_for(const Work& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

// Another program on the same file; null where it is not there.
Json timed(const std::string& command, double packets, double megabytes) {
  int status = 0;
  const double took = seconds_for([&] { status = std::system((command + " >/dev/null 2>&1").c_str()); });
  if (status != 0) return nullptr;
  return {{"seconds", took}, {"packets_per_s", packets / took}, {"mb_per_s", megabytes / took}};
}

struct Day {
  double packets = 0;
  Seen seen;
};

HostOptions host_of(const Options& options) {
  HostOptions host;
  host.habits.seed = options.seed;
  host.how_long = from_seconds(options.hours * 3600);
  host.config = options.config;
  return host;
}

Day write_day(const Options& options, const std::string& file) {
  auto writer = observe::PcapngWriter::create(file, 1, "generated");
  if (!writer) throw std::runtime_error(writer.error().text());
  Day day;
  day.seen = capture_virtually(host_of(options), [&](std::string_view frame, Time at) {
    writer->write(frame, frame.size(), at);
    ++day.packets;
  });
  if (const auto closed = writer->close(); !closed) throw std::runtime_error(closed.error().text());
  return day;
}

Json reading(const std::string& file, double packets) {
  const double megabytes = static_cast<double>(std::filesystem::file_size(file)) / 1e6;
  ObserveOptions observe;
  observe.file = file;
  std::ostringstream out, err;
  const double took = seconds_for([&] { run_observe(observe, out, err); });
  return {{"file_mb", megabytes},
          {"packets", packets},
          {"observe", {{"seconds", took}, {"packets_per_s", packets / took}, {"mb_per_s", megabytes / took}}},
          {"tcpdump", timed("tcpdump -r " + file + " -w /dev/null", packets, megabytes)},
          {"tshark", timed("tshark -r " + file + " -q -z http,tree", packets, megabytes)}};
}

double off(double found, double right) { return right == 0 ? 0 : found / right - 1; }

Json worth(const Options& options, const std::string& file, const Day& day) {
  const HostOptions host = host_of(options);
  std::optional<observe::Trace> trace;
  std::map<observe::SocketName, observe::ServerModel> servers;
  observe::ReplayResult before, after;
  const auto config = load_config(options.config + "/one-model.json");
  if (!config) throw std::runtime_error(config.error().text());
  const double observing = seconds_for([&] {
    auto loaded = observe::load_trace(file, {"open-webui"}, {});
    if (!loaded) throw std::runtime_error(loaded.error().text());
    trace = std::move(*loaded);
  });
  const double replaying = seconds_for([&] {
    servers = observe::fit_servers(*trace);
    before = observe::replay(*trace, {nullptr, servers, 4});
    after = observe::replay(*trace, {&*config, servers, 4});
  });
  const Json report = observe::replay_json({*trace, "one-model.json", servers, before, after});
  const observe::ServerModel& fitted = servers.begin()->second;
  const HostSeen real = live_virtually(one_model, host);
  std::vector<double> measured = real.seen.first_turn;
  measured.insert(measured.end(), real.seen.later_turns.begin(), real.seen.later_turns.end());
  std::vector<double> direct = day.seen.first_turn;
  direct.insert(direct.end(), day.seen.later_turns.begin(), day.seen.later_turns.end());
  const Json* chat = nullptr;
  for (const Json& each : report["classes"])
    if (each["class"] == "chat") chat = &each;
  const auto held = [&](const char* which, double q) {
    const double would = (*chat)["would"]["ttft_s"][which], right = quantile(measured, q);
    return Json{{"predicted_s", would}, {"measured_s", right}, {"off_by", off(would, right)}};
  };
  const auto seen = [&](const char* which, double q) {
    const double was = (*chat)["was"]["ttft_s"][which], right = quantile(direct, q);
    return Json{{"observed_s", was}, {"measured_s", right}, {"off_by", off(was, right)}};
  };
  return {{"requests", trace->requests.size()},
          {"observing_s", observing},
          {"fit_and_two_replays_s", replaying},
          {"fit",
           {{"prefill",
             {{"fitted", fitted.engine.prefill_rate},
              {"right", host.model.prefill_rate},
              {"off_by", off(fitted.engine.prefill_rate, host.model.prefill_rate)}}},
            {"decode",
             {{"fitted", fitted.engine.decode_rate},
              {"right", host.model.decode_rate},
              {"off_by", off(fitted.engine.decode_rate, host.model.decode_rate)}}},
            {"slots", {{"fitted", fitted.engine.slots}, {"right", host.model.slots}}}}},
          {"chat_ttft_without_rules", {{"p50", seen("p50", 0.5)}, {"p95", seen("p95", 0.95)}}},
          {"chat_ttft_with_rules", {{"p50", held("p50", 0.5)}, {"p95", held("p95", 0.95)}}}};
}

ExitCode run(const Options& options) {
  const tools::TemporaryFolder folder;
  const std::string file =
      options.keep.empty() ? folder.file("day.pcapng") : std::filesystem::path(options.keep);
  const Day day = write_day(options, file);
  Json report{{"hours", options.hours}, {"seed", options.seed}};
  report["reading"] = reading(file, day.packets);
  report["worth"] = worth(options, file, day);
  std::cout << report.dump(2) << "\n";
  return ExitCode::done;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  tasklane::bench::Options options;
  CLI::App app("What reading captures costs, and what a replay is worth");
  app.add_option("--hours", options.hours, "Of the generated capture")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed);
  app.add_option("--keep", options.keep, "Keep the capture in this file");
  app.add_option("--config", options.config, "The folder of the profiles")->check(CLI::ExistingDirectory);
  if (const auto code = tasklane::tools::ends_at_arguments(app, argc, argv)) return *code;
  return tasklane::tools::run_program(
      "bench_observe", [&] { return tasklane::bench::run(options); }, tasklane::ExitCode::usage);
}
