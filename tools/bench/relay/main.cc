// bench_relay: what a relay costs, each way against the direct one, interleaved round by round in one run.
// JSON on standard output, or a table. Where it may, it works in a network namespace of its own.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <exception>
#include <fstream>
#include <iostream>
#include <thread>

#include "tools/bench/relay/client.h"
#include "tools/bench/relay/report.h"
#include "tools/bench/relay/ways.h"
#include "tools/support/cpu.h"
#include "tools/support/own_network.h"
#include "tools/support/program.h"

namespace tasklane::bench {
namespace {

struct Row {
  const char* name;
  Round (*measure)(std::uint16_t port, int count);
  int count;  // in one round: short enough that the ways take turns quickly
};

constexpr auto rows = std::to_array<Row>({{"small_request", small_requests, 300},
                                          {"connections_64", many_connections, 2000},
                                          {"connection_each", connection_each, 200},
                                          {"open_webui_chat", open_webui_chats, 50},
                                          {"open_webui_64", open_webui_connections, 500},
                                          {"streamed_chunk", streamed_chunks, 200},
                                          {"streams_1000", many_streams, 25},
                                          {"body_1_mib", large_bodies, 10},
                                          {"beside_1_mib", beside_1_mib, 50},
                                          {"beside_8_mib", beside_8_mib, 50},
                                          {"beside_32_mib", beside_32_mib, 50},
                                          {"beside_prompts", beside_prompts, 50},
                                          {"beside_gzip", beside_gzip, 50}});

// Unasked everything but what takes long: a stream beside somebody else's large bodies.
bool is_wanted(const Row& row, const std::vector<std::string>& only) {
  if (only.empty()) return !std::string_view(row.name).starts_with("beside");
  return std::find(only.begin(), only.end(), row.name) != only.end();
}

Round measured_on(const Way& way, const Row& row) {
  const double before = way.cpu_us();
  Round round = row.measure(way.port, row.count);
  round.cpu_us = (way.cpu_us() - before) / static_cast<double>(round.microseconds.size());
  return round;
}

nlohmann::json this_machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string cpu;
  for (std::string line; cpu.empty() && std::getline(file, line);)
    if (line.starts_with("model name")) cpu = line.substr(line.find(':') + 2);
  utsname kernel{};
  ::uname(&kernel);
  return {{"cpu", cpu}, {"cpus", std::thread::hardware_concurrency()}, {"kernel", kernel.release}};
}

// A thousand streams take a descriptor each, on some ways two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

struct Options {
  int rounds = 15;
  bool table = false;
  bool pin = false;
  std::vector<std::string> only;
  std::filesystem::path agent;
  std::filesystem::path haproxy;
  std::filesystem::path nginx;
};

std::optional<std::filesystem::path> find_program(const std::filesystem::path& wanted,
                                                  const std::string& name) {
  for (const std::filesystem::path& candidate :
       {wanted, "/usr/sbin" / std::filesystem::path(name), "/usr/local/sbin" / std::filesystem::path(name)})
    if (!candidate.empty() && std::filesystem::exists(candidate)) return candidate;
  return std::nullopt;
}

Measured measure(const Ways& ways, const Options& options) {
  Measured measured;
  for (int round = 0; round < options.rounds; ++round) {
    if (::isatty(STDERR_FILENO) != 0) std::cerr << "\rround " << round + 1 << " of " << options.rounds;
    for (const Row& row : rows) {
      if (!is_wanted(row, options.only)) continue;
      // Another way begins each round, so that none always follows the same one.
      for (std::size_t i = 0; i < ways.all().size(); ++i) {
        const Way& way = ways.all()[(i + static_cast<std::size_t>(round)) % ways.all().size()];
        measured[row.name][way.name].push_back(measured_on(way, row));
      }
    }
  }
  if (::isatty(STDERR_FILENO) != 0) std::cerr << "\n";
  return measured;
}

ExitCode run(const Options& options) {
  const bool own_namespace = tools::enter_own_network_namespace();
  raise_descriptor_limit();
  const Result<Ways> ways = Ways::start({options.agent, find_program(options.haproxy, "haproxy"),
                                         find_program(options.nginx, "nginx"), own_namespace, options.pin});
  if (!ways) {
    std::cerr << "bench_relay: " << ways.error().text() << "\n";
    return ways.error().exit;
  }
  if (options.pin) tools::stay_on_cpu(0);
  nlohmann::json report = report_of(measure(*ways, options));
  report["machine"] = this_machine();
  report["pinned"] = options.pin;
  report["rounds"] = options.rounds;
  for (const Row& row : rows) report["count_per_round"][row.name] = row.count;
  report["agents_counted"] = ways->agents_counted();
  report["left_out"] = nlohmann::json::array();
  for (const LeftOut& way : ways->left_out())
    report["left_out"].push_back({{"way", way.name}, {"why", way.why}});
  std::cout << (options.table ? table_of(report) : report.dump(2) + "\n");
  return ExitCode::done;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"What a relay costs: direct, epoll copy loop, HAProxy, nginx and Tasklane, interleaved",
               "bench_relay"};
  bench::Options options;
  options.agent = tools::beside_this_program("tasklaned");
  app.add_option("--rounds", options.rounds, "Rounds that each way plays in each row")
      ->check(CLI::Range(1, 10000));
  app.add_flag("--table", options.table, "A table for a person instead of JSON");
  app.add_flag("--pin", options.pin,
               "The ends on CPU 0, every relay on CPU 1: steadier, and one CPU for each relay");
  app.add_option("--only", options.only,
                 "These rows alone; unasked all but those beside somebody else's large bodies")
      ->check(CLI::IsMember(bench::row_names()));
  app.add_option("--agent", options.agent, "The agent's program");
  app.add_option("--haproxy", options.haproxy, "HAProxy's program");
  app.add_option("--nginx", options.nginx, "nginx's program");
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  return tools::run_program(app.get_name(), [&] { return bench::run(options); });
}
