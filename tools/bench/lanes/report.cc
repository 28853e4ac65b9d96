#include "tools/bench/lanes/report.h"

#include <array>
#include <cstdio>

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

template <class... Values>
std::string line(const char* format, Values... values) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return std::string(text.data()) + "\n";
}

double figure(const Json& json, const char* pointer) {
  const Json found = json.value(Json::json_pointer(pointer), Json());
  return found.is_number() ? found.get<double>() : 0;
}

std::string cells(const Json& spread) {
  std::string text;
  for (const char* name : {"p50", "p95", "worst"}) {
    std::array<char, 32> cell{};
    if (spread.contains(name))
      std::snprintf(cell.data(), cell.size(), "%10.2f", spread[name].get<double>());
    else
      std::snprintf(cell.data(), cell.size(), "%10s", "-");
    text += cell.data();
  }
  return text;
}

std::string held_rows(const Json& held) {
  std::string text = line("%-25s%30s    %30s    %30s    %30s", "ms: p50, p95, worst",
                          "between a chat's tokens", "a chat's first token", "plain, no task", "type-ahead");
  for (const Json& row : held["rows"])
    text += line("  %-22s %s    %s    %s    %s", row["row"].get<std::string>().c_str(),
                 cells(row["gap_ms"]).c_str(), cells(row["first_token_ms"]).c_str(),
                 cells(row["version_ms"]).c_str(), cells(row["type_ahead_ms"]).c_str());
  for (const char* moment : {"coming", "leaving", "coming_again"})
    text += line("  %-22s %s    in %.2f s, %.2f s of the agent's CPU", moment,
                 cells(held[moment]["gap_ms"]).c_str(), figure(held[moment], "/seconds"),
                 figure(held[moment], "/agent_cpu_seconds"));
  text += line("  %-22s %s    the two seconds behind", "left", cells(held["left"]["gap_ms"]).c_str());
  for (const Json& row : held["rows"])
    if (row.contains("keystrokes"))
      text +=
          line("  %-22s %.0f keystrokes in 5 s: answered in%s ms, %.2f s of the agent's CPU",
               row["row"].get<std::string>().c_str(), figure(row, "/keystrokes/asked"),
               cells(row["keystrokes"]["answer_ms"]).c_str(), figure(row, "/keystrokes/agent_cpu_seconds"));
  return text;
}

std::string held_table(const Json& held) {
  std::string text = line("Held at once: %.0f clients, %.0f bytes a request", figure(held, "/clients"),
                          figure(held, "/request_bytes")) +
                     held_rows(held) + "\n";
  for (const auto& [moment, agent] : held["agent"].items())
    text += line("  agent, %-12s %8.1f MB resident, %5.0f descriptors", moment.c_str(),
                 figure(agent, "/resident_bytes") / 1e6, figure(agent, "/descriptors"));
  return text +
         line("  %.0f bytes per held client; %.0f connections to the model meanwhile",
              figure(held, "/bytes_per_held_client"), figure(held, "/upstream_connections")) +
         line(
             "  of %.0f, %.0f left; %.0f answered in %.1f s (%.2f s of the agent's CPU), %.0f wrong, %.0f "
             "lost, "
             "%.0f twice",
             figure(held, "/end/asked"), figure(held, "/end/left"), figure(held, "/end/answered"),
             figure(held, "/end/seconds"), figure(held, "/end/agent_cpu_seconds"), figure(held, "/end/wrong"),
             figure(held, "/end/lost"), figure(held, "/end/twice"));
}

std::string editor_rows(const Json& row, const char* editor) {
  const Json& tally = row[editor];
  std::string text = line("  %s, %s: %.0f keystrokes, %.0f asked", row["row"].get<std::string>().c_str(),
                          editor, figure(tally, "/keystrokes"), figure(tally, "/asked"));
  const Json answers = tally.value("answers", Json::object());
  for (const auto& [kind, spread] : answers.items())
    text +=
        line("    %-12s %5.1f %%   %s", kind.c_str(), 100 * figure(spread, "/share"), cells(spread).c_str());
  return text;
}

std::string keystroke_table(const Json& keystrokes) {
  std::string text = line("Keystrokes of %.0f typists in %.0f s; ms: p50, p95, worst",
                          figure(keystrokes, "/typists"), figure(keystrokes, "/seconds"));
  for (const Json& row : keystrokes["rows"]) {
    for (const char* editor : {"one_in_flight", "eager"}) text += editor_rows(row, editor);
    text += line("    a plain answer meanwhile%s", cells(row["version_ms"]).c_str());
    text += line("    a chat's first token   %s   (%.0f of %.0f; at rest%s)",
                 cells(row["chats"]["first_token_ms"]).c_str(), figure(row, "/chats/first_token_ms/count"),
                 figure(row, "/chats/asked"), cells(row["chats_at_rest"]["first_token_ms"]).c_str());
    text +=
        line("    the model: %.0f requests, %.0f to their end, %.0f prompt tokens",
             figure(row, "/model/requests"), figure(row, "/model/done"), figure(row, "/model/prompt_tokens"));
  }
  const Json& rest = keystrokes["at_rest"];
  text += line("  at rest: type-ahead%s, plain through the agent%s, plain direct%s",
               cells(rest["type_ahead_ms"]).c_str(), cells(rest["version_ms"]).c_str(),
               cells(rest["version_direct_ms"]).c_str());
  return text + line(
                    "  agent: %.2f s of CPU, %.1f MB resident before, %.1f after, %.0f descriptors before, "
                    "%.0f after",
                    figure(keystrokes, "/agent/cpu_seconds"),
                    figure(keystrokes, "/agent/resident_bytes_before") / 1e6,
                    figure(keystrokes, "/agent/resident_bytes_after") / 1e6,
                    figure(keystrokes, "/agent/descriptors_before"),
                    figure(keystrokes, "/agent/descriptors_after"));
}

}  // namespace

std::string table_of(const Json& report) {
  std::string text;
  if (report.contains("held")) text += held_table(report["held"]) + "\n";
  if (report.contains("keystrokes")) text += keystroke_table(report["keystrokes"]);
  return text;
}

}  // namespace tasklane::bench
