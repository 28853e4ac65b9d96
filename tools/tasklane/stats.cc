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

#include "shaper/base/shown.h"
#include "shaper/base/units.h"
#include "shaper/count/lane_counters.h"
#include "shaper/count/statistics.h"
#include "tools/support/control_client.h"

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

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f s", value);
  return text;
}

std::string bytes(std::uint64_t count) { return to_text(ByteSize{count}); }

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell; the first `names` are left-aligned.
std::string aligned(const std::vector<Cells>& rows, std::size_t names) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Cells& row : rows) {
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

Cells heading(const Column& column, bool times) {
  if (column.title.empty()) return {};
  if (times) return {std::string(column.title) + " p50", "p95", "p99"};
  return {std::string(column.title)};
}

// The cells of one figure under its heading, as the agent told it.
template <class Owner>
Cells cells_of(const Figure<Owner>& figure, const Json& told) {
  const std::string name(figure.json);
  if (std::holds_alternative<Histogram Owner::*>(figure.place)) {
    const Json times = told.value(name, Json::object());
    return {milliseconds(times, "p50"), milliseconds(times, "p95"), milliseconds(times, "p99")};
  }
  if (std::holds_alternative<Duration Owner::*>(figure.place)) return {seconds(told.value(name, 0.0))};
  const auto count = told.value(name, std::uint64_t{0});
  return {figure.unit == FigureUnit::bytes ? bytes(count) : std::to_string(count)};
}

// A column for each figure that has one; those that may be left out, only where some line has something.
template <class Owner, std::size_t N>
void add_columns(std::vector<Cells>& rows, const std::array<Figure<Owner>, N>& figures,
                 const std::vector<Json>& told) {
  const auto append = [](Cells& to, const Cells& cells) { to.insert(to.end(), cells.begin(), cells.end()); };
  for (const Figure<Owner>& figure : figures) {
    const auto shows = [&](const Json& each) { return each.value(std::string(figure.json), 0.0) != 0; };
    const Cells titles = heading(figure.column, std::holds_alternative<Histogram Owner::*>(figure.place));
    const bool left_out =
        figure.column.shown == Shown::if_any && std::none_of(told.begin(), told.end(), shows);
    if (titles.empty() || left_out) continue;
    append(rows.front(), titles);
    for (std::size_t i = 0; i < told.size(); ++i) append(rows[i + 1], cells_of(figure, told[i]));
  }
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

std::string lanes_table(const Json& by_lane) {
  std::vector<Cells> rows{{"LANE"}};
  std::vector<Json> told;
  for (const auto& [lane, counts] : by_lane.items()) {
    rows.push_back({lane});
    told.push_back(counts);
  }
  add_columns(rows, lane_figures, told);
  return rows.size() > 1 ? aligned(rows, 1) : "";
}

std::string classes_table(const Json& classes) {
  std::vector<Cells> rows{{"CLASS", "UPSTREAM"}};
  for (const Json& each : classes) rows.push_back({each.value("class", ""), each.value("upstream", "")});
  add_columns(rows, row_figures, std::vector<Json>(classes.begin(), classes.end()));
  return rows.size() > 1 ? aligned(rows, 2) : "no request yet\n";
}

std::string servers_line(const Json& servers) {
  std::string line;
  for (const auto& [server, room] : servers.items()) {
    line += (line.empty() ? "slots: " : ", ") + server + " " + room.value("slots", Json(1)).dump();
    if (room.value("reserve", 0) != 0) line += " (" + room["reserve"].dump() + " kept for chats)";
  }
  return line.empty() ? "" : line + "\n";
}

std::string upstream_lines(const Json& upstreams) {
  std::string lines;
  for (const auto& [name, state] : upstreams.items()) {
    const std::string health = state.value("health", "up");
    lines += "upstream '" + name + "': " + health;
    if (const std::uint64_t down = state.value("went_down", std::uint64_t{0}); down > 0)
      lines += ", went down " + std::to_string(down) + (down == 1 ? " time" : " times");
    if (state.contains("paid_last_day"))
      lines += ", paid " + state.value("paid_last_day", "") + " in the last 24 h";
    if (state.contains("sent_off_host"))
      lines += ", gets text that leaves this host: " + state.value("sent_off_host", "");
    lines += "\n";
  }
  return lines;
}

std::string cut_lines(const Json& cut) {
  std::string lines;
  for (const Json& each : cut)
    lines += "cut prompts: " + std::to_string(each.value("prompts", 0u)) + " of client " +
             each.value("client", "") + " to model " + each.value("model", "") + ", the last of at least " +
             std::to_string(each.value("sent_tokens_at_least", 0u)) + " tokens, of which it read " +
             std::to_string(each.value("read_tokens", 0u)) +
             ": its context is too small (num_ctx, OLLAMA_CONTEXT_LENGTH)\n";
  return lines;
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

// Where it steers, if not in the agent's own network namespace.
std::string netns_line(const Json& steering) {
  const Json netns = steering.value("netns", Json::object());
  if (netns.empty()) return "";
  const std::string now = netns.value("now", "");
  return "network namespace: " +
         (now.empty() ? netns.value("wanted", "") + " is not there: nothing is steered" : now) + ", found " +
         std::to_string(netns.value("entered", 0u)) + " times\n";
}

std::string steering_lines(const Json& steering) {
  if (!steering.value("attached", false))
    return netns_line(steering) +
           (steering.value("bypassed", false) ? "bypass on: everything goes to the model untouched\n" : "");
  const std::string suspended = steering.value("suspended", "");
  std::string out = steering.value("bypassed", false) ? "steering: bypassed"
                    : suspended.empty()               ? "steering: on"
                                                      : "steering: suspended (" + suspended + ")";
  const Json endpoints = steering.value("endpoints", Json::array());
  out += endpoints.empty() ? ", no model listens\n" : ", models at";
  for (const Json& endpoint : endpoints) out += " " + endpoint.get<std::string>();
  if (!endpoints.empty()) out += "\n";
  out += netns_line(steering);
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
  if (reply->status != 200) {
    std::cerr << "tasklane: the agent said: " << reply->body << "\n";
    return ExitCode::found;
  }
  if (!are_figures(stats)) {
    std::cerr << "tasklane: " << no_agent_answers(control).text() << "\n";
    return ExitCode::found;
  }
  if (options.watch && !options.json) clear_screen(std::cout);
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
  std::string out = classes_table(stats.value("classes", Json::array()));
  out += "\n" + steering_lines(stats.value("steering", Json::object()));
  const Json lanes = stats.value("lanes", Json::object());
  const Json by_lane = lanes.value("by_lane", Json::object());
  out += lanes_table(by_lane);
  out += worth_line(by_lane);
  out += servers_line(lanes.value("servers", Json::object()));
  out += upstream_lines(stats.value("upstreams", Json::object()));
  out += cut_lines(stats.value("cut_prompts", Json::array()));
  out += counts_line("re-warms", nonzero(lanes.value("rewarm", Json::object())));
  out += counts_line("evidence", stats.value("evidence", Json::object()));
  out += counts_line("certainty", stats.value("certainty", Json::object()));
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
  verb->callback([options, &control, &exit] {
    exit = with_agent(control, [&] { return run_stats(control, *options); });
  });
}

}  // namespace tasklane
