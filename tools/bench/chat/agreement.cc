#include "tools/bench/chat/agreement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;

// A time agrees within one of the two, a share within one of the others.
constexpr double part_of_time = 0.15;
constexpr double seconds = 0.06;
constexpr double part_of_all = 0.10;
constexpr double single_cases = 2;
// Below so many the 95th of a hundred is little but the worst one: shown, not judged.
constexpr std::size_t enough_for_p95 = 20;

bool times_agree(double wire, double virtual_time) {
  return std::abs(wire - virtual_time) <= std::max(part_of_time * virtual_time, seconds);
}

Json ratio(double wire, double virtual_time) {
  return virtual_time > 0 ? Json(wire / virtual_time) : Json(nullptr);
}

Json figure(const std::vector<double>& wire, const std::vector<double>& virtual_time, double share) {
  const double w = quantile(wire, share);
  const double v = quantile(virtual_time, share);
  Json json{{"wire", w}, {"virtual", v}, {"ratio", ratio(w, v)}};
  const bool judged = !wire.empty() && !virtual_time.empty() &&
                      (share <= 0.5 || std::min(wire.size(), virtual_time.size()) >= enough_for_p95);
  json["agrees"] = judged ? Json(times_agree(w, v)) : Json(nullptr);
  return json;
}

Json times(const std::vector<double>& wire, const std::vector<double>& virtual_time, bool p95) {
  const auto apart = [](std::size_t a, std::size_t b) { return a > b ? a - b : b - a; };
  Json json{{"count", {{"wire", wire.size()}, {"virtual", virtual_time.size()}}},
            {"p50", figure(wire, virtual_time, 0.50)}};
  json["count"]["agrees"] = static_cast<double>(apart(wire.size(), virtual_time.size())) <=
                            std::max(single_cases, part_of_all * static_cast<double>(virtual_time.size()));
  if (p95) json["p95"] = figure(wire, virtual_time, 0.95);
  return json;
}

struct Part {
  double of = 0, all = 0;
  [[nodiscard]] double share() const { return all > 0 ? of / all : 0; }
};

Json parts(const Part& wire, const Part& virtual_time) {
  const auto one = [](const Part& part) {
    return Json{{"of", part.all}, {"count", part.of}, {"share", part.share()}};
  };
  const double apart = std::abs(wire.share() - virtual_time.share());
  const bool agrees = apart <= std::max(part_of_all, single_cases / std::max(1.0, virtual_time.all));
  return {{"wire", one(wire)},
          {"virtual", one(virtual_time)},
          {"ratio", ratio(wire.share(), virtual_time.share())},
          {"agrees", agrees}};
}

Part delivered(const Seen& seen) {
  Part part;
  for (const char* name : {"title", "tags", "follow_up"}) {
    if (const auto asked = seen.asked.find(name); asked != seen.asked.end())
      part.all += static_cast<double>(asked->second);
    if (const auto delay = seen.delay.find(name); delay != seen.delay.end())
      part.of += static_cast<double>(delay->second.size());
  }
  return part;
}

Part shown(const Seen& seen) {
  const auto asked = seen.asked.find("autocomplete");
  return {static_cast<double>(seen.suggestion.size()),
          asked == seen.asked.end() ? 0 : static_cast<double>(asked->second)};
}

// Whether nothing in it says "agrees": false.
bool all_agree(const Json& json) {
  if (!json.is_structured()) return true;
  if (json.is_object() && json.value("agrees", Json(true)) == Json(false)) return false;
  return std::all_of(json.begin(), json.end(), all_agree);
}

void print_row(const char* name, const Json& row) {
  const auto number = [](const Json& value) { return value.is_number() ? value.get<double>() : 0.0; };
  const char* verdict = row["agrees"].is_null() ? "too few" : row["agrees"].get<bool>() ? "yes" : "NO";
  const Json& wire = row["wire"].is_object() ? row["wire"]["share"] : row["wire"];
  const Json& other = row["virtual"].is_object() ? row["virtual"]["share"] : row["virtual"];
  char ratio[16] = "-";
  if (row["ratio"].is_number()) std::snprintf(ratio, sizeof(ratio), "%.2f", number(row["ratio"]));
  std::printf("  %-28s %9.2f %9.2f %7s   %s\n", name, number(wire), number(other), ratio, verdict);
}

void print_times(const std::string& name, const Json& both) {
  const Json& count = both["count"];
  for (const char* which : {"p50", "p95"})
    if (both.contains(which)) print_row((name + ", " + which).c_str(), both[which]);
  std::printf("  %-28s %9zu %9zu %7s   %s\n", "   of so many", count["wire"].get<std::size_t>(),
              count["virtual"].get<std::size_t>(), "", count["agrees"].get<bool>() ? "yes" : "NO");
}

}  // namespace

void add_to(Seen& crowd, const Seen& host) {
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(crowd.first_turn, host.first_turn);
  append(crowd.later_turns, host.later_turns);
  append(crowd.total, host.total);
  append(crowd.gap, host.gap);
  append(crowd.suggestion, host.suggestion);
  for (const auto& [name, delays] : host.delay) append(crowd.delay[name], delays);
  for (const auto& [name, count] : host.asked) crowd.asked[name] += count;
  crowd.late_suggestions += host.late_suggestions;
}

Json side_by_side(const Seen& wire, const Seen& virtual_time) {
  Json json{{"first_turn_ttft_s", times(wire.first_turn, virtual_time.first_turn, true)},
            {"later_turns_ttft_s", times(wire.later_turns, virtual_time.later_turns, true)},
            {"chat_total_s", times(wire.total, virtual_time.total, false)}};
  if (delivered(virtual_time).all > 0) {
    json["tasks_delivered"] = parts(delivered(wire), delivered(virtual_time));
    json["suggestions_shown"] = parts(shown(wire), shown(virtual_time));
  }
  json["agree"] = all_agree(json);
  return json;
}

Json tolerance() {
  return {{"time", {{"part", part_of_time}, {"or_s", seconds}}},
          {"share", {{"part_of_all", part_of_all}, {"or_cases", single_cases}}},
          {"p95_judged_from", enough_for_p95}};
}

void print_wire_table(const Json& report) {
  std::printf("%-30s %9s %9s %7s   %s\n", "seconds, shares", "wire", "virtual", "ratio", "agree");
  for (const Json& way : report["ways"]) {
    std::printf("%s\n", way["way"].get<std::string>().c_str());
    print_times("first turn", way["first_turn_ttft_s"]);
    print_times("later turns", way["later_turns_ttft_s"]);
    print_times("whole chat", way["chat_total_s"]);
    if (!way.contains("tasks_delivered")) continue;
    print_row("tasks delivered", way["tasks_delivered"]);
    print_row("suggestions shown", way["suggestions_shown"]);
    if (way.contains("classes"))
      std::printf("  %-48s %9s   %s\n", "classes recognised", "",
                  way["classes"]["right"].get<bool>() ? "yes" : "NO");
  }
  std::printf("agree: %s\n", report["agree"].get<bool>() ? "yes" : "no");
}

}  // namespace tasklane::bench
