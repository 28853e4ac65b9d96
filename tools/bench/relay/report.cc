#include "tools/bench/relay/report.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string_view>

#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::json;

// Of a stream beside somebody else's large requests.
constexpr double goal_longest_gap_us = 50'000;

double rounded(double value) { return std::round(value * 100) / 100; }

template <class Figure>
double median_of(const Rounds& rounds, Figure figure) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(figure(round));
  return quantile(std::move(values), 0.5);
}

double p50_of(const Round& round) { return quantile(round.microseconds, 0.5); }

std::vector<double> pooled(const Rounds& rounds) {
  std::vector<double> all;
  for (const Round& round : rounds)
    all.insert(all.end(), round.microseconds.begin(), round.microseconds.end());
  return all;
}

// Round by round against the direct way of the same moment, so that a slow moment of the machine cancels out.
double added_p50(const Rounds& rounds, const Rounds& direct) {
  std::vector<double> added;
  for (std::size_t i = 0; i < rounds.size(); ++i) added.push_back(p50_of(rounds[i]) - p50_of(direct[i]));
  return quantile(std::move(added), 0.5);
}

Json figures_of(const Rounds& rounds, const Rounds& direct) {
  const double p99 = quantile(pooled(rounds), 0.99);
  Json figures{{"p50_us", rounded(median_of(rounds, p50_of))},
               {"p99_us", rounded(p99)},
               {"added_p50_us", rounded(added_p50(rounds, direct))},
               {"added_p99_us", rounded(p99 - quantile(pooled(direct), 0.99))}};
  figures["longest_us"] = rounded(quantile(pooled(rounds), 1));
  const double per_second = median_of(rounds, [](const Round& round) { return round.per_second; });
  if (per_second > 0) figures["per_second"] = rounded(per_second);
  const double cpu = median_of(rounds, [](const Round& round) { return round.cpu_us; });
  if (cpu > 0) figures["cpu_us"] = rounded(cpu);
  return figures;
}

void add_ratio(Json& way, const char* name, const Json& row, const char* other, const char* figure) {
  if (!row.contains(other) || row[other].value(figure, 0.0) <= 0) return;
  way[name] = rounded(way.value(figure, 0.0) / row[other].value(figure, 0.0));
}

Json row_of(const std::map<std::string, Rounds>& ways) {
  Json row = Json::object();
  for (const auto& [name, rounds] : ways) row[name] = figures_of(rounds, ways.at("direct"));
  for (auto& [name, way] : row.items()) {
    if (name == "direct") continue;
    add_ratio(way, "p50_to_direct", row, "direct", "p50_us");
    if (name != "epoll_loop") add_ratio(way, "added_p50_to_epoll_loop", row, "epoll_loop", "added_p50_us");
    if (name != "haproxy") add_ratio(way, "p50_to_haproxy", row, "haproxy", "p50_us");
    if (name != "haproxy" && way.contains("per_second"))
      add_ratio(way, "per_second_to_haproxy", row, "haproxy", "per_second");
  }
  return row;
}

// What a figure is held against: so many times another way's in the same row, or a fixed value where no way
// is named.
struct Goal {
  std::string_view row;
  const char* figure;
  std::string_view other;
  double factor;
};
constexpr auto goals = std::to_array<Goal>({
    {"connections_64", "per_second", "haproxy", 1},
    {"connections_64", "per_second", "nginx", 1},
    {"connections_64", "per_second", "epoll_loop", 1 / 1.3},
    {"connections_64", "cpu_us", "haproxy", 1},
    {"connection_each", "p50_us", "haproxy", 1},
    {"small_request", "added_p50_us", "epoll_loop", 1.2},
    {"small_request", "p99_us", "haproxy", 1},
    {"open_webui_chat", "p50_us", "haproxy", 1},
    {"open_webui_64", "per_second", "haproxy", 1},
    {"streamed_chunk", "added_p50_us", "haproxy", 1},
    {"streams_1000", "added_p99_us", "", 1000},
    {"streams_1000", "cpu_us", "epoll_loop", 1},
    {"body_1_mib", "added_p50_us", "epoll_loop", 1.3},
    {"beside_1_mib", "longest_us", "", goal_longest_gap_us},
    {"beside_8_mib", "longest_us", "", goal_longest_gap_us},
    {"beside_32_mib", "longest_us", "", goal_longest_gap_us},
    {"beside_prompts", "longest_us", "", goal_longest_gap_us},
    {"beside_gzip", "longest_us", "", goal_longest_gap_us},
});

bool is_tasklane(const std::string& way) { return way.starts_with("tasklane"); }

// Nothing: the row or the other way was not measured.
std::optional<double> wanted_of(const Goal& goal, const Json& row) {
  if (goal.other.empty()) return goal.factor;
  const auto other = row.find(std::string(goal.other));
  if (other == row.end() || !other->contains(goal.figure)) return std::nullopt;
  return (*other)[goal.figure].get<double>() * goal.factor;
}

Json goals_of(const Json& rows) {
  Json held = Json::array();
  for (const Goal& goal : goals) {
    const auto row = rows.find(std::string(goal.row));
    if (row == rows.end()) continue;
    const std::optional<double> wanted = wanted_of(goal, *row);
    const bool more_is_better = std::string_view(goal.figure) == "per_second";
    for (const auto& [name, way] : row->items()) {
      if (!wanted || !is_tasklane(name) || !way.contains(goal.figure)) continue;
      const double figure = way[goal.figure];
      std::string text = std::string(goal.row) + ", " + name + ": " + goal.figure +
                         (more_is_better ? " at least " : " at most ") + std::to_string(std::lround(*wanted));
      if (!goal.other.empty()) text += ", by " + std::string(goal.other);
      held.push_back({{"goal", std::move(text)},
                      {"figure", figure},
                      {"met", more_is_better ? figure >= *wanted : figure <= *wanted}});
    }
  }
  return held;
}

std::string cell(const Json& way, const char* figure, int width, int digits) {
  std::array<char, 32> text{};
  if (way.contains(figure))
    std::snprintf(text.data(), text.size(), "%*.*f", width, digits, way[figure].get<double>());
  else
    std::snprintf(text.data(), text.size(), "%*s", width, "-");
  return text.data();
}

}  // namespace

nlohmann::json report_of(const Measured& measured) {
  Json rows = Json::object();
  for (const auto& [name, ways] : measured) rows[name] = row_of(ways);
  return {{"rows", rows}, {"goals", goals_of(rows)}};
}

std::string table_of(const nlohmann::json& report) {
  const Json& machine = report["machine"];
  std::string table = machine.value("cpu", "") + ", " + std::to_string(machine.value("cpus", 0)) +
                      " CPUs, Linux " + machine.value("kernel", "") + "\n\n";
  table +=
      "row                 way                 p50 us    p99 us  longest us  added p50  added p99  "
      "requests/s    CPU us  added/epoll loop  p50/HAProxy\n";
  for (const auto& [row_name, row] : report["rows"].items())
    for (const auto& [name, way] : row.items()) {
      std::array<char, 48> begin{};
      std::snprintf(begin.data(), begin.size(), "%-19s %-16s", row_name.c_str(), name.c_str());
      table += begin.data() + cell(way, "p50_us", 10, 1) + cell(way, "p99_us", 10, 1) +
               cell(way, "longest_us", 12, 1) + cell(way, "added_p50_us", 11, 1) +
               cell(way, "added_p99_us", 11, 1) + cell(way, "per_second", 12, 0) +
               cell(way, "cpu_us", 10, 1) + cell(way, "added_p50_to_epoll_loop", 18, 2) +
               cell(way, "p50_to_haproxy", 13, 2) + "\n";
    }
  table += "\n";
  for (const Json& goal : report["goals"])
    table += std::string(goal["met"].get<bool>() ? "met      " : "NOT MET  ") +
             goal["goal"].get<std::string>() + " (" + cell(goal, "figure", 0, 2) + ")\n";
  return table;
}

}  // namespace tasklane::bench
