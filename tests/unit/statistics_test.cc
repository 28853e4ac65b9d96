// What `tasklane stats --json` and dashboards read: one entry for each class and upstream, no figure lost.
#include "shaper/count/statistics.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

TEST(TheStatistics, OfAnIdleAgentAreEmptyButWhole) {
  const Json json = Statistics{}.to_json();
  EXPECT_EQ(json["classes"], Json::array());
  EXPECT_EQ(json["evidence"], Json::object());
  EXPECT_EQ(json["relay"]["connections"], 0);
  EXPECT_DOUBLE_EQ(json["percentile_error"].get<double>(), 1.0 / 32);
}

TEST(TheStatistics, KeepEachClassAndUpstreamApart) {
  Statistics statistics;
  statistics.row(RequestClass::chat, "original").requests = 3;
  statistics.row(RequestClass::title, "original").requests = 1;
  statistics.row(RequestClass::title, "task").requests = 2;
  ++statistics.row(RequestClass::title, "task").requests;
  std::map<std::pair<std::string, std::string>, int> seen;
  const Json json = statistics.to_json();
  for (const Json& each : json["classes"]) seen[{each["class"], each["upstream"]}] = each["requests"];
  const decltype(seen) expected{
      {{"chat", "original"}, 3}, {{"title", "original"}, 1}, {{"title", "task"}, 3}};
  EXPECT_EQ(seen, expected);
}

TEST(TheStatistics, CarryEveryFigureOfARowUnderItsName) {
  Statistics statistics;
  Row& row = statistics.row(RequestClass::tags, "task");
  row.requests = 11;
  row.in_flight = 12;
  row.redirected = 13;
  row.failed_over = 14;
  row.answered = 15;
  row.client_gone = 16;
  row.failed = 17;
  row.bytes_up = 18;
  row.bytes_down = 19;
  Json json = statistics.to_json()["classes"][0];
  json.erase("ttft_ms");
  json.erase("total_ms");
  const Json expected = {{"class", "tags"},  {"upstream", "task"}, {"requests", 11},  {"in_flight", 12},
                         {"redirected", 13}, {"failed_over", 14},  {"answered", 15},  {"client_gone", 16},
                         {"failed", 17},     {"bytes_up", 18},     {"bytes_down", 19}};
  EXPECT_EQ(json, expected);
}

TEST(TheStatistics, TellPercentilesInMilliseconds) {
  Statistics statistics;
  Row& row = statistics.row(RequestClass::chat, "original");
  for (int i = 0; i < 98; ++i) row.ttft.add(100ms);
  for (int i = 0; i < 2; ++i) row.ttft.add(4s);
  row.total.add(7s);
  const Json json = statistics.to_json()["classes"][0];
  const Json& ttft = json["ttft_ms"];
  EXPECT_EQ(ttft["count"], 100);
  EXPECT_NEAR(ttft["p50"].get<double>(), 100, 100.0 / 32);
  EXPECT_NEAR(ttft["p95"].get<double>(), 100, 100.0 / 32);
  EXPECT_NEAR(ttft["p99"].get<double>(), 4000, 4000.0 / 32);
  EXPECT_EQ(ttft["max"].get<double>(), 4000);
  EXPECT_NEAR(json["total_ms"]["p50"].get<double>(), 7000, 7000.0 / 32);
}

TEST(TheStatistics, CountEvidenceByItsName) {
  Statistics statistics;
  statistics.count_evidence(Evidence::pack);
  statistics.count_evidence(Evidence::pack);
  statistics.count_evidence(Evidence::echo);
  EXPECT_EQ(statistics.to_json()["evidence"], Json({{"pack", 2}, {"echo", 1}}));
}

TEST(TheStatistics, CarryEveryFigureOfTheRelayUnderItsName) {
  Statistics statistics;
  statistics.relay() = {.connections = 1,
                        .open_connections = 2,
                        .tunnels = 3,
                        .refused_requests = 4,
                        .over_limit = 5,
                        .unclassified_large = 6,
                        .upstream_reconnects = 7,
                        .task_shaped_unrecognised = 8,
                        .constraint_refused = 10,
                        .json_answers = 12,
                        .json_unreadable = 11,
                        .gave_way = 9,
                        .grafted = 13,
                        .graft_refused = 14,
                        .graft_tokens_spared = 15,
                        .priority_refused = 16};
  const Json expected = {{"connections", 1},
                         {"open_connections", 2},
                         {"tunnels", 3},
                         {"refused_requests", 4},
                         {"over_limit", 5},
                         {"unclassified_large", 6},
                         {"upstream_reconnects", 7},
                         {"task_shaped_unrecognised", 8},
                         {"constraint_refused", 10},
                         {"json_answers", 12},
                         {"json_unreadable", 11},
                         {"gave_way", 9},
                         {"grafted", 13},
                         {"graft_refused", 14},
                         {"graft_tokens_spared", 15},
                         {"priority_refused", 16}};
  EXPECT_EQ(statistics.to_json()["relay"], expected);
}

}  // namespace
}  // namespace tasklane
