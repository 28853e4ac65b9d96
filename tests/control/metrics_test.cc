// The metrics as Prometheus reads them: each line parsed by the rules of its text format.
#include "userspace/control/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Key;
using Labels = std::map<std::string, std::string>;

struct Sample {
  std::string name;
  Labels labels;
  double value = 0;
};

struct Exposition {
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> help;
  std::vector<Sample> samples;

  // The one value of that name and these labels; no number where there is none or more than one.
  [[nodiscard]] double value(const std::string& name, const Labels& labels = {}) const {
    double found = std::nan("");
    for (const Sample& sample : samples)
      if (sample.name == name && sample.labels == labels)
        found = std::isnan(found) ? sample.value : std::nan("");
    return found;
  }
};

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape) ++i;
    out += escape && text[i] == 'n' ? '\n' : text[i];
  }
  return out;
}

Labels labels_in(std::string text) {
  static const std::regex label(R"re(^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)",?)re");
  Labels labels;
  std::smatch part;
  while (std::regex_search(text, part, label)) {
    EXPECT_TRUE(labels.emplace(part[1], unescaped(part[2])).second) << "label twice: " << part[1];
    text = part.suffix();
  }
  EXPECT_EQ(text, "") << "no label";
  return labels;
}

// Every line must be one of the three kinds, and a family's HELP and TYPE must come before its samples, once.
Exposition parsed(const std::string& text) {
  static const std::regex comment(R"(^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$)");
  static const std::regex sample(R"(^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$)");
  Exposition out;
  EXPECT_TRUE(text.ends_with('\n'));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch part;
    if (std::regex_match(line, part, comment)) {
      auto& kind = part[1] == "TYPE" ? out.types : out.help;
      EXPECT_TRUE(kind.emplace(part[2], part[3]).second) << "twice: " << line;
    } else if (std::regex_match(line, part, sample)) {
      out.samples.push_back({part[1], labels_in(part[2]), std::stod(part[3])});
    } else {
      ADD_FAILURE() << "not of the format: " << line;
    }
  }
  return out;
}

std::string family_of(const std::string& sample, const Exposition& in) {
  for (const char* suffix : {"_bucket", "_sum", "_count"})
    if (sample.ends_with(suffix))
      if (std::string base = sample.substr(0, sample.size() - std::string(suffix).size());
          in.types.count(base))
        return base;
  return sample;
}

Statistics busy() {
  Statistics statistics;
  Row& chat = statistics.row(RequestClass::chat, "original");
  chat.requests = 5;
  chat.in_flight = 2;
  chat.bytes_up = 70000;
  chat.bytes_down = 1u << 20;
  for (const Duration ttft : std::array<Duration, 4>{2ms, 40ms, 300ms, 90s}) chat.ttft.add(ttft);
  chat.total.add(3s);
  Row& title = statistics.row(RequestClass::title, "task");
  title.requests = 7;
  title.answered = 6;
  title.redirected = 5;
  title.failed_over = 4;
  title.client_gone = 3;
  title.failed = 2;
  statistics.count_evidence(Evidence::pack);
  statistics.relay() = {.connections = 11,
                        .open_connections = 12,
                        .tunnels = 13,
                        .refused_requests = 14,
                        .over_limit = 15,
                        .unclassified_large = 16,
                        .upstream_reconnects = 17,
                        .task_shaped_unrecognised = 18,
                        .constraint_refused = 19,
                        .json_answers = 21,
                        .json_unreadable = 20};
  return statistics;
}

const SteeringState steering{.attached = true,
                             .bypassed = true,
                             .connections = {{"steered", 21}, {"bypassed", 22}},
                             .endpoints = {"127.0.0.1:11434"}};

TEST(Metrics, EveryFamilyHasOneTypeAndOneHelp) {
  for (const Statistics& statistics : {Statistics(), busy()}) {
    const Exposition metrics = parsed(prometheus_text(statistics, steering));
    for (const auto& [name, type] : metrics.types) EXPECT_THAT(metrics.help, Contains(Key(name)));
    for (const Sample& sample : metrics.samples)
      EXPECT_THAT(metrics.types, Contains(Key(family_of(sample.name, metrics))));
  }
}

TEST(Metrics, CountersEndInTotalAndNothingElseDoes) {
  const Exposition metrics = parsed(prometheus_text(busy(), steering));
  ASSERT_FALSE(metrics.types.empty());
  for (const auto& [name, type] : metrics.types) {
    EXPECT_TRUE(name.starts_with("tasklane_")) << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name << " is a " << type;
    EXPECT_TRUE(type != "histogram" || name.ends_with("_seconds")) << name;
  }
}

TEST(Metrics, TellWhatBecameOfRequestsInEachLane) {
  Admission admission;
  Ticket chat;
  chat.id = 1;
  chat.upstream = "m";
  admission.arrive(chat, Time{});
  Ticket title;
  title.id = 2;
  title.lane = Standing(Lane::background, power_of(Certainty::named, RequestClass::title));
  title.upstream = "m";
  title.prompt_tokens = 40;
  admission.arrive(title, Time{});
  admission.answered_from_cache(title);
  admission.sliced(Lane::background);
  admission.finished(1, Time{} + 1s);
  SteeringState with_lanes = steering;
  with_lanes.admission = &admission;

  const Exposition metrics = parsed(prometheus_text(busy(), with_lanes));
  EXPECT_EQ(metrics.value("tasklane_lane_waiting", {{"lane", "background"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_lane_running", {{"lane", "background"}}), 0);
  EXPECT_EQ(metrics.value("tasklane_lane_events_total", {{"lane", "background"}, {"event", "arrived"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_lane_events_total", {{"lane", "background"}, {"event", "sliced"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_prompt_tokens_spared_total", {{"lane", "background"}}), 40);

  admission.tick(Time{} + 3s);
  admission.finished(2, Time{} + 5s);
  const Exposition later = parsed(prometheus_text(busy(), with_lanes));
  EXPECT_EQ(later.value("tasklane_kept_from_chats_seconds_total", {{"lane", "background"}}), 2);
  EXPECT_EQ(later.value("tasklane_lane_held_seconds_total", {{"lane", "background"}}), 3);
  EXPECT_EQ(later.value("tasklane_lane_longest_held_seconds", {{"lane", "background"}}), 3);
  const auto json = stats_json(busy(), with_lanes);
  EXPECT_EQ(json["lanes"]["by_lane"]["background"]["kept_from_chats_seconds"], 2.0);
  EXPECT_EQ(json["lanes"]["by_lane"]["interactive"]["finished"], 1);
}

TEST(Metrics, TellWhatWaitsAndRunsInEachLaneNow) {
  Admission admission;
  admission.use_slots("m", 3, 1);
  const auto arrive = [&](RequestId id, Lane lane) {
    Ticket ticket;
    ticket.id = id;
    ticket.lane = Standing(lane, power_of(Certainty::named, RequestClass::title));
    ticket.upstream = "m";
    ticket.settings.while_chat = WhileChat::hold;
    admission.arrive(ticket, Time{});
  };
  arrive(1, Lane::interactive);
  arrive(2, Lane::blocking);
  for (const RequestId id : {3u, 4u}) arrive(id, Lane::background);
  arrive(5, Lane::keystroke);
  SteeringState with_lanes = steering;
  with_lanes.admission = &admission;
  const auto lanes = stats_json(busy(), with_lanes)["lanes"];
  const auto now_in = [&](const char* lane) {
    const auto& json = lanes["by_lane"][lane];
    return std::pair(json["waiting"].get<int>(), json["running"].get<int>());
  };
  EXPECT_EQ(now_in("interactive"), std::pair(0, 1));
  EXPECT_EQ(now_in("blocking"), std::pair(0, 1));
  EXPECT_EQ(now_in("background"), std::pair(2, 0));
  EXPECT_EQ(now_in("keystroke"), std::pair(1, 0));
  EXPECT_EQ(lanes["servers"]["m"], (nlohmann::json{{"slots", 3}, {"reserve", 1}}));
  const Exposition metrics = parsed(prometheus_text(busy(), with_lanes));
  EXPECT_EQ(metrics.value("tasklane_lane_running", {{"lane", "interactive"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_lane_waiting", {{"lane", "keystroke"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_server_slots", {{"server", "m"}}), 3);
}

TEST(Metrics, CountRewarmsWithTheBackgroundsWork) {
  Admission admission;
  admission.prewarm("m", Time{} + 10s);
  const Actions begun = admission.tick(Time{});
  ASSERT_EQ(begun.size(), 1u);
  SteeringState with_lanes = steering;
  with_lanes.admission = &admission;
  EXPECT_EQ(stats_json(busy(), with_lanes)["lanes"]["by_lane"]["background"]["running"], 1);
  admission.finished(std::get<Rewarm>(begun.front()).id, Time{} + 1s);
  EXPECT_EQ(stats_json(busy(), with_lanes)["lanes"]["by_lane"]["background"]["rewarmed"], 1);
  const Exposition metrics = parsed(prometheus_text(busy(), with_lanes));
  EXPECT_EQ(metrics.value("tasklane_lane_events_total", {{"lane", "background"}, {"event", "rewarmed"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_rewarms_total", {{"event", "asked"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_rewarms_total", {{"event", "finished"}}), 1);
  EXPECT_EQ(metrics.value("tasklane_rewarms_total", {{"event", "gave_way"}}), 0);
}

TEST(Metrics, TellTheAgeOfTheLastSignOfLife) {
  SteeringState alive = steering;
  alive.heartbeat_age = 250ms;
  EXPECT_EQ(parsed(prometheus_text({}, alive)).value("tasklane_heartbeat_age_seconds"), 0.25);
  EXPECT_EQ(stats_json({}, alive)["steering"]["heartbeat_age_seconds"], 0.25);
  EXPECT_FALSE(stats_json({}, steering)["steering"].contains("heartbeat_age_seconds")) << "silent";
}

TEST(Metrics, TellEachClassAndUpstreamApart) {
  const Exposition metrics = parsed(prometheus_text(busy(), steering));
  const Labels chat{{"class", "chat"}, {"upstream", "original"}};
  const Labels title{{"class", "title"}, {"upstream", "task"}};
  EXPECT_EQ(metrics.value("tasklane_requests_total", chat), 5);
  EXPECT_EQ(metrics.value("tasklane_requests_in_flight", chat), 2);
  EXPECT_EQ(metrics.value("tasklane_upstream_bytes_total", chat), 70000);
  EXPECT_EQ(metrics.value("tasklane_client_bytes_total", chat), 1 << 20);
  EXPECT_EQ(metrics.value("tasklane_requests_total", title), 7);
  EXPECT_EQ(metrics.value("tasklane_answered_total", title), 6);
  EXPECT_EQ(metrics.value("tasklane_redirected_total", title), 5);
  EXPECT_EQ(metrics.value("tasklane_failed_over_total", title), 4);
  EXPECT_EQ(metrics.value("tasklane_client_gone_total", title), 3);
  EXPECT_EQ(metrics.value("tasklane_failed_total", title), 2);
}

TEST(Metrics, AreThereWhereThePageForOperatorsNamesThem) {
  std::ifstream file(TASKLANE_SOURCE_DIR "/config/OPERATIONS.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  Admission admission;
  SteeringState with_lanes = steering;
  with_lanes.admission = &admission;
  const Exposition metrics = parsed(prometheus_text(busy(), with_lanes));
  static const std::regex name("tasklane_[a-z_]+");
  std::set<std::string> named;
  for (std::sregex_iterator at(page.begin(), page.end(), name), end; at != end; ++at) named.insert(at->str());
  EXPECT_GE(named.size(), 8u) << "the page cannot be read";
  for (const std::string& each : named) EXPECT_THAT(metrics.types, Contains(Key(each)));
}

TEST(Metrics, CountTimesInSecondsInBucketsThatOnlyGrow) {
  const Exposition metrics = parsed(prometheus_text(busy(), steering));
  const Labels chat{{"class", "chat"}, {"upstream", "original"}};
  const auto up_to = [&](const char* bound) {
    Labels labels = chat;
    labels["le"] = bound;
    return metrics.value("tasklane_ttft_seconds_bucket", labels);
  };
  EXPECT_EQ(up_to("0.005"), 1);
  EXPECT_EQ(up_to("0.05"), 2);
  EXPECT_EQ(up_to("0.25"), 2);
  EXPECT_EQ(up_to("0.5"), 3);
  EXPECT_EQ(up_to("60"), 3);
  EXPECT_EQ(up_to("+Inf"), 4);
  EXPECT_EQ(metrics.value("tasklane_ttft_seconds_count", chat), 4);
  EXPECT_NEAR(metrics.value("tasklane_ttft_seconds_sum", chat), 90.342, 1e-9);
  EXPECT_EQ(metrics.value("tasklane_request_seconds_count", chat), 1);
}

TEST(Metrics, CarryTheRelaysFigures) {
  const Exposition metrics = parsed(prometheus_text(busy(), steering));
  EXPECT_EQ(metrics.value("tasklane_connections_total"), 11);
  EXPECT_EQ(metrics.value("tasklane_open_connections"), 12);
  EXPECT_EQ(metrics.value("tasklane_tunnels_total"), 13);
  EXPECT_EQ(metrics.value("tasklane_refused_requests_total"), 14);
  EXPECT_EQ(metrics.value("tasklane_over_limit_total"), 15);
  EXPECT_EQ(metrics.value("tasklane_unclassified_large_total"), 16);
  EXPECT_EQ(metrics.value("tasklane_upstream_reconnects_total"), 17);
  EXPECT_EQ(metrics.value("tasklane_task_shaped_unrecognised_total"), 18);
  EXPECT_EQ(metrics.value("tasklane_constraint_refused_total"), 19);
  EXPECT_EQ(metrics.value("tasklane_json_answers_total"), 21);
  EXPECT_EQ(metrics.value("tasklane_json_unreadable_total"), 20);
  EXPECT_EQ(metrics.value("tasklane_evidence_total", {{"evidence", "pack"}}), 1);
}

// A value of its own for each count.
template <class Owner, std::size_t N>
std::map<std::string, double> filled(const std::array<Figure<Owner>, N>& figures, Owner& owner) {
  std::map<std::string, double> values;
  std::uint64_t next = 100;
  for (const Figure<Owner>& figure : figures)
    if (const auto* place = std::get_if<std::uint64_t Owner::*>(&figure.place)) {
      owner.** place = ++next;
      values[std::string(figure.json)] = static_cast<double>(next);
    }
  return values;
}

TEST(Metrics, CarryEachFigureOfTheTablesUnderItsNames) {
  Statistics statistics;
  const auto relay = filled(relay_figures, statistics.relay());
  const auto row = filled(row_figures, statistics.row(RequestClass::tags, "task"));
  const Exposition metrics = parsed(prometheus_text(statistics, steering));
  const auto json = stats_json(statistics, steering);
  for (const auto& figure : relay_figures) {
    const std::string name(figure.json);
    EXPECT_EQ(metrics.value(std::string(figure.metric)), relay.at(name)) << name;
    EXPECT_EQ(json["relay"][name], relay.at(name)) << name;
  }
  for (const auto& figure : row_figures) {
    const std::string name(figure.json);
    if (!row.contains(name)) continue;  // times
    EXPECT_EQ(metrics.value(std::string(figure.metric), {{"class", "tags"}, {"upstream", "task"}}),
              row.at(name));
    EXPECT_EQ(json["classes"][0][name], row.at(name)) << name;
  }
}

TEST(Metrics, CarryEachFigureOfALaneUnderItsNames) {
  Admission admission;
  Ticket title;
  title.id = 1;
  title.lane = Standing(Lane::background, power_of(Certainty::named, RequestClass::title));
  title.upstream = "m";
  admission.arrive(title, Time{});
  SteeringState with_lanes = steering;
  with_lanes.admission = &admission;
  const Exposition metrics = parsed(prometheus_text({}, with_lanes));
  const auto json = stats_json({}, with_lanes)["lanes"]["by_lane"]["background"];
  EXPECT_EQ(json.size(), lane_figures.size());
  for (const auto& figure : lane_figures) {
    const std::string name(figure.json);
    EXPECT_TRUE(json.contains(name)) << name;
    Labels labels{{"lane", "background"}};
    if (figure.metric.empty()) labels["event"] = name;
    const double value =
        metrics.value(std::string(figure.metric.empty() ? lane_events.name : figure.metric), labels);
    EXPECT_EQ(value, name == "waiting" || name == "arrived" ? 1 : 0) << name;
  }
}

TEST(Metrics, CarryTheSteeringsFigures) {
  const Exposition metrics = parsed(prometheus_text({}, steering));
  EXPECT_EQ(metrics.value("tasklane_bypassed"), 1);
  EXPECT_EQ(metrics.value("tasklane_steering_connections_total", {{"verdict", "steered"}}), 21);
  EXPECT_EQ(metrics.value("tasklane_steering_connections_total", {{"verdict", "bypassed"}}), 22);
  EXPECT_EQ(parsed(prometheus_text({}, {})).value("tasklane_bypassed"), 0);
}

TEST(Metrics, EscapeWhatAnUpstreamIsCalled) {
  Statistics statistics;
  const std::string name = "a \"b\" \\ c\nd {e=\"f\"} 7";
  statistics.row(RequestClass::chat, name).requests = 3;
  const Exposition metrics = parsed(prometheus_text(statistics, {}));
  EXPECT_EQ(metrics.value("tasklane_requests_total", {{"class", "chat"}, {"upstream", name}}), 3);
}

TEST(Metrics, AsJsonCarryTheSteeringBesideTheStatistics) {
  const nlohmann::json json = stats_json(busy(), steering);
  EXPECT_EQ(json["classes"].size(), 2u);
  const nlohmann::json expected = {{"attached", true},
                                   {"bypassed", true},
                                   {"connections", {{"steered", 21}, {"bypassed", 22}}},
                                   {"endpoints", {"127.0.0.1:11434"}},
                                   {"loop_late_seconds", 0.0},
                                   {"max_connections", 0},
                                   {"stale_after_seconds", 0.0},
                                   {"suspended", ""},
                                   {"suspensions", 0}};
  EXPECT_EQ(json["steering"], expected);
}

TEST(CutPromptsInMetrics, AreToldByClientAndModel) {
  SteeringState state;
  EXPECT_FALSE(stats_json(Statistics(), state).contains("cut_prompts"));
  state.cut_prompts = {{"10.0.0.7", "big", 3, 9000, 4099}};
  const Exposition told = parsed(prometheus_text(Statistics(), state));
  EXPECT_EQ(3, told.value("tasklane_cut_prompts_total", {{"client", "10.0.0.7"}, {"model", "big"}}));
  const nlohmann::json one = stats_json(Statistics(), state)["cut_prompts"][0];
  EXPECT_EQ(4099, one["read_tokens"]);
  EXPECT_EQ(9000, one["sent_tokens_at_least"]);
}

}  // namespace
}  // namespace tasklane
