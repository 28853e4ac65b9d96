// demo: ten chat turns, direct and through Tasklane, and a table of what a person would feel.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>

#include "tools/demo/play.h"
#include "tools/demo/stage.h"
#include "tools/support/own_network.h"
#include "tools/support/program.h"

namespace tasklane::demo {
namespace {

using Seconds = std::chrono::duration<double>;

struct Shown {
  Played played;
  nlohmann::json stats;
};

Result<Shown> show(const std::filesystem::path& programs, Way way, bool steered) {
  const Result<Stage> stage = Stage::set(programs, way, steered);
  if (!stage) return stage.error();
  Played played = play(stage->port());
  std::cerr << ' ';
  return Shown{std::move(played), stage->stats()};
}

// By nearest rank: with ten turns, p95 is the slowest.
std::string percentile(std::vector<std::chrono::nanoseconds> times, double share) {
  if (times.empty()) return "-";
  std::sort(times.begin(), times.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size())));
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", Seconds(times[rank - 1]).count());
  return text.data();
}

template <class Cell>
void print_row(const std::string& what, const std::vector<Shown>& shown, Cell cell) {
  std::printf("  %-24s", what.c_str());
  for (const Shown& each : shown) std::printf(" %14s", std::string(cell(each.played)).c_str());
  std::printf("\n");
}

std::string answered(const Played& played, const std::string& name) {
  const auto found = played.tasks.find(name);
  const Tally tally = found == played.tasks.end() ? Tally{} : found->second;
  return std::to_string(tally.answered) + " of " + std::to_string(tally.asked);
}

void print_comparison(const std::vector<Shown>& shown) {
  std::printf("\n\n  %-24s %14s %14s %14s\n  %-24s %14s %14s %14s\n", "", "direct", "Tasklane,", "Tasklane,",
              "", "", "one model", "task model");
  print_row("chat TTFT p50", shown, [](const Played& p) { return percentile(p.first_tokens, 0.5); });
  print_row("chat TTFT p95", shown, [](const Played& p) { return percentile(p.first_tokens, 0.95); });
  print_row("chats answered", shown, [](const Played& p) {
    return std::to_string(p.first_tokens.size()) + " of " + std::to_string(turns_played);
  });
  for (const char* name : {"title", "follow_up", "tags", "autocomplete"})
    print_row(std::string(name) + " answered", shown, [&](const Played& p) { return answered(p, name); });
  print_row("a task takes, p50", shown, [](const Played& p) { return percentile(p.task_delays, 0.5); });
}

void print_destinations(const nlohmann::json& stats) {
  for (const auto& row : stats.value("classes", nlohmann::json::array()))
    std::printf("  %-14s %-10s %9d %9d %11.0f ms\n", row.value("class", "").c_str(),
                row.value("upstream", "").c_str(), row.value("requests", 0), row.value("answered", 0),
                row.value("/total_ms/p50"_json_pointer, 0.0));
}

bool all_arrived(const Shown& shown) {
  if (shown.played.first_tokens.size() != turns_played) return false;
  return std::all_of(shown.played.tasks.begin(), shown.played.tasks.end(),
                     [](const auto& each) { return each.second.asked == each.second.answered; });
}

// Chats at the model, every task at the task model.
bool went_where_they_should(const nlohmann::json& stats) {
  for (const auto& row : stats.value("classes", nlohmann::json::array())) {
    const bool chat = row.value("class", "") == "chat";
    if (row.value("upstream", "") != (chat ? "model" : "task")) return false;
  }
  return true;
}

void print_introduction(bool steered) {
  std::printf(
      "One person, three chats, ten turns, as Open WebUI 0.12 sends them: with each new chat its title,\n"
      "after each answer follow-ups (and tags), an autocompletion while the next question is typed.\n"
      "A slow chat model, simulated (400 prompt tokens/s, 18 answer tokens/s, one request at a time),\n"
      "%s.\n"
      "Three times: direct; through Tasklane, where the tasks wait until the chat rests; through Tasklane,\n"
      "where they go to a small quick task model. Takes a minute and a half at most.\n\n",
      steered ? "listens on port 11434; Tasklane steers that port, in a network namespace of its own"
              : "listens on a free port; Tasklane listens on another (steering takes root)");
  std::fflush(stdout);
}

ExitCode run(const std::filesystem::path& programs) {
  const bool steered = tools::enter_own_network_namespace();
  print_introduction(steered);
  std::vector<Shown> shown;
  for (const Way way : {Way::direct, Way::one_model, Way::task_model}) {
    Result<Shown> one = show(programs, way, steered);
    if (!one) {
      std::cerr << "demo: " << one.error().text() << "\n";
      return one.error().exit;
    }
    shown.push_back(std::move(*one));
  }
  print_comparison(shown);
  std::printf("\nWhere the last one sent them (tasklane stats --json):\n  %-14s %-10s %9s %9s %14s\n",
              "class", "upstream", "requests", "answered", "total p50");
  print_destinations(shown.back().stats);
  const bool arrived = std::all_of(shown.begin(), shown.end(), all_arrived);
  if (arrived && went_where_they_should(shown.back().stats)) return ExitCode::done;
  std::cerr << "demo: something was not answered, or went astray (see the tables)\n";
  return ExitCode::found;
}

}  // namespace
}  // namespace tasklane::demo

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Ten chat turns, direct and through Tasklane", "demo"};
  std::filesystem::path programs = tools::beside_this_program("");
  app.add_option("--bin", programs, "The folder of modelsim and tasklaned");
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  return tools::run_program(app.get_name(), [&] { return demo::run(programs); });
}
