// `bench_chat`: what a chatter and a typist at one simulated model notice, in virtual time: direct with all
// tasks, direct without any (the ideal), through Tasklane with one model, and with a task model of its own.
// With --wire the same people use real processes over real sockets, and the two are held side by side.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/bench/chat/agreement.h"
#include "tools/bench/chat/ways.h"
#include "tools/bench/chat/wire.h"
#include "tools/support/own_network.h"
#include "tools/support/program.h"
#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  double hours = 100;
  std::uint64_t seed = 1;
  unsigned slots = 1;
  bool host_cache = true;
  bool ollama = false;
  bool table = false;
  std::string way;  // empty: all
  std::string config = TASKLANE_SOURCE_DIR "/config";
  bool on_wire = false;
  WireOptions wire;
};

// What some gigabytes hold of a model of 30B.
constexpr std::size_t host_cache_tokens = 100'000;

Json percentiles(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return {{"count", values.size()},
          {"p50", quantile(values, 0.50)},
          {"p95", quantile(values, 0.95)},
          {"p99", quantile(values, 0.99)},
          {"worst", quantile(values, 1)}};
}

Json report(const Way& way, const HostSeen& host) {
  const Seen& seen = host.seen;
  Json json{{"way", way.name},
            {"first_turn_ttft_s", percentiles(seen.first_turn)},
            {"later_turns_ttft_s", percentiles(seen.later_turns)},
            {"chat_total_s", percentiles(seen.total)},
            {"longest_gap_s", percentiles(seen.gap)}};
  for (const auto& [name, asked] : seen.asked) {
    if (name == "autocomplete") continue;
    const auto found = seen.delay.find(name);
    const std::vector<double> delays = found == seen.delay.end() ? std::vector<double>{} : found->second;
    json[name] = {{"asked", asked}, {"delivered", delays.size()}, {"delay_s", percentiles(delays)}};
  }
  if (way.tasks) {
    const std::uint64_t asked = seen.asked.at("autocomplete");
    const auto lane = host.lanes.find(Lane::keystroke);
    json["autocomplete"] = {{"asked", asked},
                            {"reached_a_model", lane == host.lanes.end() ? asked : lane->second.started},
                            {"shown", seen.suggestion.size()},
                            {"late", seen.late_suggestions},
                            {"delay_s", percentiles(seen.suggestion)}};
  }
  json["model_requests"] = host.model_requests;
  json["model_prompt_tokens"] = host.model_prompt_tokens;
  json["task_model_requests"] = host.task_model_requests;
  if (way.profile != nullptr) json["lanes"] = lane_counts(host);
  return json;
}

Json run(const Way& way, const Options& options) {
  HostOptions host;
  host.model.slots = options.slots;
  if (options.ollama) host.model.flavour = sim::Flavour::ollama;
  host.model.host_cache = options.host_cache ? host_cache_tokens : 0;
  host.habits.seed = options.seed;
  host.how_long = from_seconds(options.hours * 3600);
  host.config = options.config;
  return report(way, live_virtually(way, host));
}

std::string cell(const Json& from, const char* what) {
  if (from.is_null()) return "-";
  char text[24];
  std::snprintf(text, sizeof(text), "%.2f", from.at(what).get<double>());
  return text;
}

void print_table(const Json& results) {
  std::printf("%-36s %21s %21s %12s %10s %10s\n", "seconds", "first turn p50/p95/w", "later turns p50/p95/w",
              "gap worst", "tasks", "suggested");
  for (const Json& each : results) {
    std::uint64_t asked = 0;
    std::uint64_t delivered = 0;
    for (const char* name : {"title", "tags", "follow_up"})
      if (each.contains(name)) {
        asked += each[name]["asked"].get<std::uint64_t>();
        delivered += each[name]["delivered"].get<std::uint64_t>();
      }
    const auto three = [](const Json& from) {
      return cell(from, "p50") + "/" + cell(from, "p95") + "/" + cell(from, "worst");
    };
    char share[24] = "-";
    if (asked > 0)
      std::snprintf(share, sizeof(share), "%.1f %%",
                    100.0 * static_cast<double>(delivered) / static_cast<double>(asked));
    char shown[24] = "-";
    if (each.contains("autocomplete"))
      std::snprintf(
          shown, sizeof(shown), "%.0f %%",
          100.0 * each["autocomplete"]["shown"].get<double>() / each["autocomplete"]["asked"].get<double>());
    std::printf("%-36s %21s %21s %12s %10s %10s\n", each["way"].get<std::string>().c_str(),
                three(each["first_turn_ttft_s"]).c_str(), three(each["later_turns_ttft_s"]).c_str(),
                cell(each["longest_gap_s"], "worst").c_str(), share, shown);
  }
}

int run_all(const Options& options) {
  const std::vector<Way> ways{
      direct_all,
      direct_none,
      one_model,
      task_model,
      {"one model, without settle", true, "one-model.json", false, {.settle = true}},
      {"one model, without quiet", true, "one-model.json", false, {.quiet = true}},
      {"one model, without pre-emption", true, "one-model.json", false, {.preempt = true}},
      {"one model, without slices", true, "one-model.json", false, {.slices = true}},
      {"one model, without re-warm", true, "one-model.json", false, {.rewarm = true}},
      {"one model, without grafts", true, "one-model.json", false, {.graft = true}},
  };
  Json results = Json::array();
  for (const Way& way : ways)
    if (options.way.empty() || way.name == options.way) results.push_back(run(way, options));
  if (options.table)
    print_table(results);
  else
    std::cout << Json{{"hours", options.hours},   {"seed", options.seed},
                      {"slots", options.slots},   {"host_cache", options.host_cache},
                      {"ollama", options.ollama}, {"ways", results}}
                     .dump(2)
              << "\n";
  return 0;
}

int run_wire(Options options) {
  options.wire.config = options.config;
  options.wire.first_seed = options.seed;
  const Json report = compare_on_wire(options.wire);
  if (options.table)
    print_wire_table(report);
  else
    std::cout << report.dump(2) << "\n";
  return report["agree"].get<bool>() ? 0 : 1;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  tasklane::bench::Options options;
  options.wire.agent = tasklane::tools::beside_this_program("tasklaned");
  options.wire.model = tasklane::tools::beside_this_program("modelsim");
  CLI::App app("What a chatter and a typist at one simulated model notice, in virtual time");
  app.add_option("--hours", options.hours, "Simulated")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed);
  app.add_option("--slots", options.slots, "Of the model server")->check(CLI::Range(1u, 64u));
  app.add_flag("!--no-host-cache", options.host_cache, "The server keeps prompts in its slots alone");
  app.add_flag("--ollama", options.ollama,
               "The server speaks and tells of its work as Ollama does: times alone");
  app.add_option("--config", options.config, "The folder of the profiles")->check(CLI::ExistingDirectory);
  app.add_option("--way", options.way, "This one alone, by its name in the table");
  app.add_flag("--table", options.table, "For a person, instead of JSON");
  app.add_flag("--wire", options.on_wire, "Real processes and sockets, beside the same in virtual time")
      ->excludes("--hours", "--slots", "--no-host-cache", "--ollama");
  app.add_option("--minutes", options.wire.minutes, "Of --wire")->check(CLI::PositiveNumber);
  app.add_option("--hosts", options.wire.hosts, "Of --wire, on each way; seeds from --seed on")
      ->check(CLI::Range(1u, 100u));
  app.add_option("--agent", options.wire.agent, "The agent's program, for --wire");
  app.add_option("--model", options.wire.model, "The simulated model's program, for --wire");
  if (const auto code = tasklane::tools::ends_at_arguments(app, argc, argv)) return *code;
  const auto run = [&] {
    return options.on_wire ? tasklane::bench::run_wire(options) : tasklane::bench::run_all(options);
  };
  return tasklane::tools::run_program("bench_chat", run, tasklane::ExitCode::usage);
}
