#include "tools/tasklane/stats.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "shaper/base/units.h"
#include "tools/tasklane/control_client.h"

namespace tasklane {
namespace {

using Json = nlohmann::json;

struct StatsOptions {
  bool json = false;
  bool watch = false;
};

std::string milliseconds(const Json& figures, const char* name) {
  if (figures.value("count", 0) == 0) return "-";
  const double value = figures.value(name, 0.0);
  char text[32];
  if (value >= 10000)
    std::snprintf(text, sizeof(text), "%.1f s", value / 1000);
  else
    std::snprintf(text, sizeof(text), value >= 100 ? "%.0f ms" : "%.1f ms", value);
  return text;
}

std::string bytes(std::uint64_t count) { return to_text(ByteSize{count}); }

using Row = std::vector<std::string>;

// Columns as wide as their widest cell; the first `names` are left-aligned.
std::string aligned(const std::vector<Row>& rows, std::size_t names) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < names ? row[i] + pad : pad + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

Row row_of(const Json& c) {
  const auto number = [&](const char* name) { return std::to_string(c.value(name, std::uint64_t{0})); };
  const Json ttft = c.value("ttft_ms", Json::object());
  const Json total = c.value("total_ms", Json::object());
  return {c.value("class", ""),
          c.value("upstream", ""),
          number("requests"),
          number("answered"),
          number("redirected"),
          number("failed_over"),
          number("failed"),
          number("in_flight"),
          bytes(c.value("bytes_up", std::uint64_t{0})),
          bytes(c.value("bytes_down", std::uint64_t{0})),
          milliseconds(ttft, "p50"),
          milliseconds(ttft, "p95"),
          milliseconds(ttft, "p99"),
          milliseconds(total, "p50"),
          milliseconds(total, "p95"),
          milliseconds(total, "p99")};
}

std::string counts_line(const std::string& title, const Json& counts) {
  if (counts.empty()) return "";
  std::string line = title + ":";
  for (const auto& [name, count] : counts.items())
    if (count.is_number()) line += " " + name + " " + count.dump() + ",";
  if (line.ends_with(',')) line.pop_back();
  return line + "\n";
}

Json nonzero(const Json& counts) {
  Json some = Json::object();
  for (const auto& [name, count] : counts.items())
    if (count.is_number() && count != 0) some[name] = count;
  return some;
}

struct LaneColumn {
  const char* title;
  const char* name;     // in the agent's answer
  bool always = false;  // else only where some lane has something to show
};
constexpr std::array<LaneColumn, 20> lane_columns{{
    {"WAITING", "waiting", true},
    {"RUNNING", "running", true},
    {"ARRIVED", "arrived", true},
    {"STARTED", "started", true},
    {"FINISHED", "finished", true},
    {"HELD", "held_seconds", true},
    {"LONGEST", "longest_held_seconds"},
    {"PRE-EMPTED", "pre_empted"},
    {"SLICED", "sliced"},
    {"RE-WARMED", "rewarmed"},
    {"SUPERSEDED", "superseded"},
    {"TYPE-AHEAD", "type_ahead"},
    {"COALESCED", "coalesced"},
    {"CACHED", "cached"},
    {"EXPIRED", "expired"},
    {"EMPTY", "answered_empty"},
    {"OVER SHARE", "over_share"},
    {"REJECTED", "rejected"},
    {"OVERDUE", "overdue"},
    {"LEFT", "client_gone"},
}};

std::string lane_cell(const Json& counts, std::string_view name) {
  const Json value = counts.value(std::string(name), Json(0));
  if (!name.ends_with("_seconds")) return value.dump();
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f s", value.get<double>());
  return text;
}

std::string lanes_table(const Json& by_lane) {
  std::vector<Row> rows{{"LANE"}};
  for (const auto& [lane, counts] : by_lane.items()) rows.push_back({lane});
  for (const LaneColumn& column : lane_columns) {
    const auto shows = [&](const Json& counts) { return counts.value(column.name, 0.0) != 0; };
    if (!column.always && std::none_of(by_lane.begin(), by_lane.end(), shows)) continue;
    rows.front().emplace_back(column.title);
    std::size_t row = 1;
    for (const Json& counts : by_lane) rows[row++].push_back(lane_cell(counts, column.name));
  }
  return rows.size() > 1 ? aligned(rows, 1) : "";
}

std::string servers_line(const Json& servers) {
  std::string line;
  for (const auto& [server, room] : servers.items()) {
    line += (line.empty() ? "slots: " : ", ") + server + " " + room.value("slots", Json(1)).dump();
    if (room.value("reserve", 0) != 0) line += " (" + room["reserve"].dump() + " kept for chats)";
  }
  return line.empty() ? "" : line + "\n";
}

std::string worth_line(const Json& by_lane) {
  double seconds = 0;
  std::uint64_t tokens = 0;
  for (const auto& [lane, counts] : by_lane.items()) {
    seconds += counts.value("kept_from_chats_seconds", 0.0);
    tokens += counts.value("prompt_tokens_spared", std::uint64_t{0});
  }
  if (seconds <= 0 && tokens == 0) return "";
  char line[160];
  std::snprintf(line, sizeof(line),
                "worth: %.1f s of task work kept from running beside chats, about %llu prompt tokens that no "
                "model had to read\n",
                seconds, static_cast<unsigned long long>(tokens));
  return line;
}

std::string heartbeat_line(const Json& steering) {
  if (!steering.contains("heartbeat_age_seconds")) return "";
  char line[64];
  std::snprintf(line, sizeof(line), "heartbeat: %.0f ms ago\n",
                steering["heartbeat_age_seconds"].get<double>() * 1000);
  return line;
}

std::string steering_lines(const Json& steering) {
  if (!steering.value("attached", false))
    return steering.value("bypassed", false) ? "bypass on: everything goes to the model untouched\n" : "";
  std::string out = steering.value("bypassed", false) ? "steering: bypassed" : "steering: on";
  const Json endpoints = steering.value("endpoints", Json::array());
  out += endpoints.empty() ? ", no model listens\n" : ", models at";
  for (const Json& endpoint : endpoints) out += " " + endpoint.get<std::string>();
  if (!endpoints.empty()) out += "\n";
  out += heartbeat_line(steering);
  return out + counts_line("new connections", steering.value("connections", Json::object()));
}

ExitCode print_once(const std::string& control, const StatsOptions& options) {
  const Result<ControlReply> reply = ask_agent(control, "GET", "/stats");
  if (!reply) {
    std::cerr << "tasklane: " << reply.error().text() << "\n";
    return reply.error().exit;
  }
  const Json stats = Json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !stats.is_object()) {
    std::cerr << "tasklane: the agent said: " << reply->body << "\n";
    return ExitCode::found;
  }
  if (options.watch && !options.json) std::cout << "\x1b[H\x1b[2J";
  std::cout << (options.json ? stats.dump(options.watch ? -1 : 2) + "\n" : stats_table(stats)) << std::flush;
  return ExitCode::done;
}

ExitCode run_stats(const std::string& control, const StatsOptions& options) {
  for (;;) {
    const ExitCode code = print_once(control, options);
    if (!options.watch || code != ExitCode::done) return code;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

std::string stats_table(const Json& stats) {
  std::vector<Row> rows{{"CLASS", "UPSTREAM", "REQUESTS", "ANSWERED", "REDIRECTED", "FAILED OVER", "FAILED",
                         "IN FLIGHT", "UP", "DOWN", "TTFT p50", "p95", "p99", "TOTAL p50", "p95", "p99"}};
  for (const Json& each : stats.value("classes", Json::array())) rows.push_back(row_of(each));
  std::string out = rows.size() > 1 ? aligned(rows, 2) : "no request yet\n";
  out += "\n" + steering_lines(stats.value("steering", Json::object()));
  const Json lanes = stats.value("lanes", Json::object());
  const Json by_lane = lanes.value("by_lane", Json::object());
  out += lanes_table(by_lane);
  out += worth_line(by_lane);
  out += servers_line(lanes.value("servers", Json::object()));
  out += counts_line("re-warms", nonzero(lanes.value("rewarm", Json::object())));
  out += counts_line("evidence", stats.value("evidence", Json::object()));
  out += counts_line("relay", stats.value("relay", Json::object()));
  char note[64];
  std::snprintf(note, sizeof(note), "percentiles are within %.1f %%\n",
                stats.value("percentile_error", 0.0) * 100);
  return out + note;
}

void add_stats(CLI::App& app, const std::string& control, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand("stats", "What the agent has seen and done");
  const auto options = std::make_shared<StatsOptions>();
  verb->add_flag("--json", options->json, "As JSON");
  verb->add_flag("--watch", options->watch, "Again every second");
  verb->callback([options, &control, &exit] { exit = run_stats(control, *options); });
}

}  // namespace tasklane
