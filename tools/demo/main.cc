// demo: ten chat turns, once direct and once through Tasklane, and a table of what a person would feel.
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

namespace tasklane::demo {
namespace {

using Seconds = std::chrono::duration<double>;

struct Shown {
  Played played;
  nlohmann::json stats;
};

Result<Shown> show(const std::filesystem::path& programs, bool steered, bool direct) {
  std::cerr << (direct ? "direct      " : "Tasklane    ") << std::flush;
  const Result<Stage> stage = Stage::set(programs, steered);
  if (!stage) return stage.error();
  if (const auto done = stage->bypass(direct); !done) return done.error();
  Played played = play(stage->port());
  std::cerr << "\n";
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

void print_row(const std::string& what, const std::string& direct, const std::string& tasklane) {
  std::printf("  %-24s %10s %12s\n", what.c_str(), direct.c_str(), tasklane.c_str());
}

std::string answered(const Played& played, const std::string& name) {
  const auto found = played.tasks.find(name);
  const Tally tally = found == played.tasks.end() ? Tally{} : found->second;
  return std::to_string(tally.answered) + " of " + std::to_string(tally.asked);
}

void print_comparison(const Played& direct, const Played& tasklane) {
  std::printf("\n");
  print_row("", "direct", "Tasklane");
  print_row("chat TTFT p50", percentile(direct.first_tokens, 0.5), percentile(tasklane.first_tokens, 0.5));
  print_row("chat TTFT p95", percentile(direct.first_tokens, 0.95), percentile(tasklane.first_tokens, 0.95));
  print_row("chats answered",
            std::to_string(direct.first_tokens.size()) + " of " + std::to_string(turns_played),
            std::to_string(tasklane.first_tokens.size()) + " of " + std::to_string(turns_played));
  for (const char* name : {"title", "follow_up", "tags", "autocomplete"})
    print_row(std::string(name) + " answered", answered(direct, name), answered(tasklane, name));
}

void print_destinations(const nlohmann::json& stats) {
  std::printf("\nWhere Tasklane sent them (tasklane stats --json):\n  %-14s %-10s %9s %9s %14s\n", "class",
              "upstream", "requests", "answered", "total p50");
  for (const auto& row : stats.value("classes", nlohmann::json::array()))
    std::printf("  %-14s %-10s %9d %9d %11.0f ms\n", row.value("class", "").c_str(),
                row.value("upstream", "").c_str(), row.value("requests", 0), row.value("answered", 0),
                row.value("/total_ms/p50"_json_pointer, 0.0));
}

bool all_arrived(const Played& played) {
  if (played.chats_lost > 0 || played.first_tokens.size() != turns_played) return false;
  return std::all_of(played.tasks.begin(), played.tasks.end(),
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

ExitCode run(const std::filesystem::path& programs) {
  const bool steered = tools::enter_own_network_namespace();
  std::printf(
      "One person, three chats, ten turns, as Open WebUI 0.12 sends them: with each new chat its title,\n"
      "after each answer follow-ups (and tags), an autocompletion while the next question is typed.\n"
      "A slow chat model, simulated (300 prompt tokens/s, 12 answer tokens/s, one request at a time),\n"
      "%s.\n"
      "Beside it a small quick task model. Takes about a minute.\n\n",
      steered ? "listens on port 11434; Tasklane steers that port, in a network namespace of its own"
              : "listens on a free port; Tasklane listens on another (steering takes root)");
  std::fflush(stdout);
  const Result<Shown> direct = show(programs, steered, true);
  const Result<Shown> tasklane = direct ? show(programs, steered, false) : direct;
  if (!tasklane) {
    std::cerr << "demo: " << tasklane.error().text() << "\n";
    return tasklane.error().exit;
  }
  print_comparison(direct->played, tasklane->played);
  print_destinations(tasklane->stats);
  if (all_arrived(direct->played) && all_arrived(tasklane->played) && went_where_they_should(tasklane->stats))
    return ExitCode::done;
  std::cerr << "demo: something was not answered, or went astray (see the tables)\n";
  return ExitCode::found;
}

}  // namespace
}  // namespace tasklane::demo

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Ten chat turns, once direct and once through Tasklane", "demo"};
  std::filesystem::path programs = tools::beside_this_program("");
  app.add_option("--bin", programs, "The folder of modelsim and tasklaned");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  try {
    return static_cast<int>(demo::run(programs));
  } catch (const std::exception& problem) {
    std::cerr << "demo: " << problem.what() << "\n";
    return static_cast<int>(ExitCode::found);
  }
}
