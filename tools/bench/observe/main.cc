// `bench_observe`: what reading a capture costs, beside tcpdump and tshark on the same file, and what a
// replay takes and is worth.
#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/bench/observe/live.h"
#include "tools/bench/observe/worth.h"
#include "tools/observe/observe.h"
#include "tools/support/cpu.h"
#include "tools/support/program.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  double hours = 0;  // 24, and 5 with `predict`
  std::uint64_t seed = 1;
  unsigned predict = 0;  // seeds
  unsigned live = 0;     // seconds
  std::string keep;      // the capture
  std::string config = TASKLANE_SOURCE_DIR "/config";
};

HostOptions host_of(const Options& options) {
  HostOptions host;
  host.habits.seed = options.seed;
  host.how_long = from_seconds(options.hours * 3600);
  host.config = options.config;
  return host;
}

// Another program on the same file; null where it is not there.
Json timed(const std::string& command, double packets, double megabytes) {
  int status = 0;
  const double took = seconds_for([&] { status = std::system((command + " >/dev/null 2>&1").c_str()); });
  if (status != 0) return nullptr;
  return {{"seconds", took}, {"packets_per_s", packets / took}, {"mb_per_s", megabytes / took}};
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

ExitCode run(Options options) {
  if (options.live > 0) {
    std::cout << Json{{"live", live(options.live)}}.dump(2) << "\n";
    return ExitCode::done;
  }
  const tools::TemporaryFolder folder;
  const std::string file =
      options.keep.empty() ? folder.file("day.pcapng") : std::filesystem::path(options.keep);
  if (options.hours <= 0) options.hours = options.predict > 0 ? 5 : 24;
  Json report{{"hours", options.hours}, {"seed", options.seed}};
  if (options.predict > 0) {
    report["predictions"] = predictions(host_of(options), options.predict, file);
    std::cout << report.dump(2) << "\n";
    return ExitCode::done;
  }
  const Day day = write_day(host_of(options), file);
  report["reading"] = reading(file, day.packets);
  report["replaying"] = replaying(host_of(options), file);
  std::cout << report.dump(2) << "\n";
  return ExitCode::done;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  tasklane::bench::Options options;
  CLI::App app("What reading captures costs, and what a replay is worth");
  app.add_option("--hours", options.hours, "Of the generated capture; without it 24, with --predict 5")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed);
  app.add_option("--predict", options.predict,
                 "So many seeds: what a replay says of the rules, and what they come to, for each profile, "
                 "on one slot and on four, with earlier prompts kept and without")
      ->check(CLI::Range(1, 100));
  app.add_option("--live", options.live,
                 "So many seconds each: what `tasklane observe` and tcpdump take beside a thousand streamed "
                 "chunks a second (as root)")
      ->check(CLI::Range(1, 3600));
  app.add_option("--keep", options.keep, "Keep the capture in this file");
  app.add_option("--config", options.config, "The folder of the profiles")->check(CLI::ExistingDirectory);
  if (const auto code = tasklane::tools::ends_at_arguments(app, argc, argv)) return *code;
  return tasklane::tools::run_program(
      "bench_observe", [&] { return tasklane::bench::run(options); }, tasklane::ExitCode::usage);
}
