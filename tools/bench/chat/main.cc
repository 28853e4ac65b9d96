// `bench_chat`: what a chatter and a typist at one simulated model notice, in virtual time: direct with all
// tasks, direct without any (the ideal), through Tasklane with one model, and with a task model of its own.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/bench/chat/people.h"
#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  double hours = 100;
  std::uint64_t seed = 1;
  unsigned slots = 1;
  bool host_cache = true;
  bool table = false;
  std::string config = TASKLANE_SOURCE_DIR "/config";
};

// What some gigabytes hold of a model of 30B.
constexpr std::size_t host_cache_tokens = 100'000;

struct Way {
  const char* name;
  bool tasks;
  const char* profile;  // null: direct
  bool second_server;
  Without without;
};

Json percentiles(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  return {{"count", values.size()},
          {"p50", quantile(values, 0.50)},
          {"p95", quantile(values, 0.95)},
          {"p99", quantile(values, 0.99)},
          {"worst", quantile(values, 1)}};
}

sim::EngineOptions engine_options(const Options& options) {
  sim::EngineOptions engine;
  engine.flavour = sim::Flavour::llama;
  engine.slots = options.slots;
  engine.prefill_rate = 300;
  engine.decode_rate = 20;
  engine.batch = 2048;
  engine.host_cache = options.host_cache ? host_cache_tokens : 0;
  return engine;
}

Json report(const Way& way, const Seen& seen, const Front& front, const Server& model, const Server& task) {
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
  if (way.tasks)
    json["autocomplete"] = {
        {"asked", seen.asked.at("autocomplete")},
        {"reached_a_model", front.keystrokes_passed().value_or(seen.asked.at("autocomplete"))},
        {"shown", seen.suggestion.size()},
        {"late", seen.late_suggestions},
        {"delay_s", percentiles(seen.suggestion)}};
  json["model_requests"] = model.requests();
  json["model_prompt_tokens"] = model.prompt_tokens();
  json["task_model_requests"] = task.requests();
  return json;
}

Json run(const Way& way, const Options& options) {
  World world;
  Server model(world, engine_options(options));
  sim::EngineOptions small = engine_options(options);
  small.prefill_rate *= 4;
  small.decode_rate *= 4;
  Server task(world, small);
  std::optional<Config> config;
  if (way.profile != nullptr) {
    Result<Config> read = load_config(options.config + "/" + way.profile);
    if (!read) throw std::runtime_error(read.error().text());
    config = std::move(*read);
  }
  std::unique_ptr<Front> front;
  if (config)
    front = std::make_unique<Shaped>(world, model, way.second_server ? &task : nullptr, *config, way.without,
                                     options.slots);
  else
    front = std::make_unique<Direct>(world, model);
  Habits habits;
  habits.tasks = way.tasks;
  habits.seed = options.seed;
  People people(world, *front, habits);
  people.begin();
  world.run(from_seconds(options.hours * 3600));
  return report(way, people.seen(), *front, model, task);
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
      {"direct, all tasks", true, nullptr, false, {}},
      {"direct, no tasks (the ideal)", false, nullptr, false, {}},
      {"Tasklane, one model", true, "one-model.json", false, {}},
      {"Tasklane, task model of its own", true, "task-model.json", true, {}},
      {"one model, without settle", true, "one-model.json", false, {.settle = true}},
      {"one model, without quiet", true, "one-model.json", false, {.quiet = true}},
      {"one model, without pre-emption", true, "one-model.json", false, {.preempt = true}},
      {"one model, without slices", true, "one-model.json", false, {.slices = true}},
      {"one model, without re-warm", true, "one-model.json", false, {.rewarm = true}},
  };
  Json results = Json::array();
  for (const Way& way : ways) results.push_back(run(way, options));
  if (options.table)
    print_table(results);
  else
    std::cout << Json{{"hours", options.hours},
                      {"seed", options.seed},
                      {"slots", options.slots},
                      {"host_cache", options.host_cache},
                      {"ways", results}}
                     .dump(2)
              << "\n";
  return 0;
}

}  // namespace
}  // namespace tasklane::bench

int main(int argc, char** argv) {
  tasklane::bench::Options options;
  CLI::App app("What a chatter and a typist at one simulated model notice, in virtual time");
  app.add_option("--hours", options.hours, "Simulated")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed);
  app.add_option("--slots", options.slots, "Of the model server")->check(CLI::Range(1u, 64u));
  app.add_flag("!--no-host-cache", options.host_cache, "The server keeps prompts in its slots alone");
  app.add_option("--config", options.config, "The folder of the profiles")->check(CLI::ExistingDirectory);
  app.add_flag("--table", options.table, "For a person, instead of JSON");
  CLI11_PARSE(app, argc, argv);
  try {
    return tasklane::bench::run_all(options);
  } catch (const std::exception& error) {
    std::cerr << "bench_chat: " << error.what() << "\n";
    return 2;
  }
}
