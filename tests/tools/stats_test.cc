// `tasklane stats` as a person reads it.
#include "tools/tasklane/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "shaper/count/lane_counters.h"
#include "shaper/count/statistics.h"
#include "tools/support/control_client.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

Json busy() {
  Statistics statistics;
  Row& chat = statistics.row(RequestClass::chat, "original");
  chat.requests = 12;
  chat.answered = 11;
  chat.in_flight = 1;
  chat.bytes_up = 2048;
  for (int i = 0; i < 11; ++i) chat.ttft.add(64ms);
  chat.total.add(20s);
  Row& title = statistics.row(RequestClass::title, "the task model");
  title.requests = 4;
  title.redirected = 3;
  title.failed_over = 2;
  title.failed = 1;
  statistics.count_evidence(Evidence::pack);
  statistics.relay().connections = 9;
  statistics.relay().constraint_refused = 3;
  Json json = statistics.to_json();
  json["steering"] = {{"attached", true},
                      {"bypassed", false},
                      {"connections", {{"steered", 7}}},
                      {"endpoints", {"127.0.0.1:11434", "[::1]:11434"}}};
  return json;
}

std::string line_with(const std::string& table, const std::string& start) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(start)) return line;
  return "(no line starts with " + start + ")";
}

TEST(TheStatsTable, OfWhatNoAgentSaysEndsWithWordsThatSaySo) {
  for (const char* answer : {R"({"relay": 5, "upstreams": 7, "lanes": "x", "classes": []})",
                             R"({"classes": [1]})", R"({"steering": {"attached": "yes"}})"}) {
    std::ostringstream err;
    const auto print = [&] {
      stats_table(Json::parse(answer));
      return ExitCode::done;
    };
    EXPECT_EQ(with_agent("/run/other.sock", print, err), ExitCode::found) << answer;
    EXPECT_THAT(err.str(), HasSubstr("/run/other.sock: what answers here is no agent of this kind"));
  }
  for (const char* answer : {"null", "[]", R"({"version": 1})", R"({"steering": 5})"})
    EXPECT_FALSE(are_figures(Json::parse(answer))) << answer;
  EXPECT_TRUE(are_figures(busy()));
}

TEST(TheStatsTable, HasALineForEachClassAndUpstream) {
  const std::string table = stats_table(busy());
  EXPECT_THAT(
      line_with(table, "chat"),
      ContainsRegex("^chat +original +12 +11 +0 +0 +0 +1 +2 ?KiB +0 ?B? +6[0-9.]+ ms +6[0-9.]+ ms +6[0-9.]+ "
                    "ms +(19|20).[0-9] s +(19|20).[0-9] s +(19|20).[0-9] s$"));
  EXPECT_THAT(line_with(table, "title"), ContainsRegex("^title +the task model +4 +0 +3 +2 +1 +0 "));
}

TEST(TheStatsTable, AlignsNumbersWithTheEndOfTheirTitle) {
  const std::string table = stats_table(busy());
  const std::string head = line_with(table, "CLASS");
  for (const char* start : {"chat", "title"}) {
    const std::string line = line_with(table, start);
    const auto end = head.find("REQUESTS") + std::string("REQUESTS").size();
    EXPECT_NE(line[end - 1], ' ') << line;
    EXPECT_EQ(line[end], ' ') << line;
  }
}

TEST(TheStatsTable, SaysWhosePromptsWereCutAndWhatMendsIt) {
  Json stats = busy();
  EXPECT_THAT(stats_table(stats), Not(HasSubstr("cut prompts")));
  stats["cut_prompts"] = {{{"client", "10.0.0.7"},
                           {"model", "big"},
                           {"prompts", 3},
                           {"sent_tokens_at_least", 9000},
                           {"read_tokens", 4099}}};
  EXPECT_THAT(
      stats_table(stats),
      HasSubstr("cut prompts: 3 of client 10.0.0.7 to model big, the last of at least 9000 tokens, of "
                "which it read 4099: its context is too small (num_ctx, OLLAMA_CONTEXT_LENGTH)\n"));
}

TEST(TheStatsTable, ShowsADashForTimesNeverTaken) {
  EXPECT_THAT(line_with(stats_table(busy()), "title"), ContainsRegex(" - +- +- +- +- +-$"));
}

TEST(TheStatsTable, TellsWhereModelsAreAndWhatTheKernelSaw) {
  const std::string table = stats_table(busy());
  EXPECT_THAT(table, HasSubstr("\nsteering: on, models at 127.0.0.1:11434 [::1]:11434\n"));
  EXPECT_THAT(table, HasSubstr("\nnew connections: steered 7\n"));
  EXPECT_THAT(table, HasSubstr("\nevidence: pack 1\n"));
  EXPECT_THAT(table, HasSubstr("\nrelay: connections 9, constraint_refused 3,"));
  EXPECT_THAT(table, HasSubstr("\npercentiles are within 3.1 %\n"));
}

TEST(TheStatsTable, TellsABypassWithAndWithoutSteering) {
  Json stats = busy();
  stats["steering"]["bypassed"] = true;
  EXPECT_THAT(stats_table(stats), HasSubstr("\nsteering: bypassed, models at "));
  stats["steering"] = {{"attached", false}, {"bypassed", true}};
  EXPECT_THAT(stats_table(stats), HasSubstr("\nbypass on: everything goes to the model untouched\n"));
  stats["steering"]["bypassed"] = false;
  EXPECT_THAT(stats_table(stats), Not(HasSubstr("steering")));
}

TEST(TheStatsTable, TellsThatNothingHasHappenedYet) {
  Json stats = Statistics{}.to_json();
  stats["steering"] = {{"attached", true}, {"bypassed", false}, {"endpoints", Json::array()}};
  const std::string table = stats_table(stats);
  EXPECT_THAT(table, HasSubstr("no request yet\n"));
  EXPECT_THAT(table, Not(HasSubstr("evidence:")));
  EXPECT_THAT(table, HasSubstr("\nsteering: on, no model listens\n"));
}

Json with_lanes() {
  Json stats = busy();
  const Json background{{"waiting", 2},
                        {"running", 1},
                        {"arrived", 5},
                        {"started", 3},
                        {"finished", 2},
                        {"sliced", 7},
                        {"rewarmed", 4},
                        {"rejected", 0},
                        {"held_seconds", 75.955454148},
                        {"longest_held_seconds", 31.24},
                        {"kept_from_chats_seconds", 12.34},
                        {"prompt_tokens_spared", 100}};
  const Json keystroke{{"arrived", 40}, {"over_share", 6}, {"prompt_tokens_spared", 900}};
  stats["lanes"] = {{"by_lane", {{"background", background}, {"keystroke", keystroke}}},
                    {"servers",
                     {{"127.0.0.1:11435", {{"slots", 1}, {"reserve", 0}}},
                      {"original:11434", {{"slots", 4}, {"reserve", 2}}}}},
                    {"rewarm", {{"asked", 5}, {"finished", 4}, {"gave_way", 1}}}};
  return stats;
}

TEST(TheStatsTable, SaysOfEachLaneWhatWaitsAndWhatBecameOfItsRequests) {
  const std::string table = stats_table(with_lanes());
  EXPECT_THAT(line_with(table, "LANE"), ContainsRegex("^LANE +WAITING +RUNNING +ARRIVED +STARTED +FINISHED +"
                                                      "HELD +LONGEST +SLICED +RE-WARMED +OVER SHARE$"))
      << "what is nothing in every lane is left out";
  EXPECT_THAT(line_with(table, "background"),
              ContainsRegex("^background +2 +1 +5 +3 +2 +76.0 s +31.2 s +7 +4 +0$"));
  EXPECT_THAT(line_with(table, "keystroke"),
              ContainsRegex("^keystroke +0 +0 +40 +0 +0 +0.0 s +0.0 s +0 +0 +6$"));
  EXPECT_THAT(table, HasSubstr("\nre-warms: asked 5, finished 4, gave_way 1\n"));
}

TEST(TheStatsTable, HasEachColumnOfTheTablesInTheirOrder) {
  Json stats = with_lanes();
  for (const auto& figure : lane_figures)
    stats["lanes"]["by_lane"]["background"][std::string(figure.json)] = 3;
  const std::string table = stats_table(stats);
  const auto expect_columns = [&](const std::string& head, const auto& figures) {
    std::size_t at = 0;
    for (const auto& figure : figures) {
      if (figure.column.title.empty()) continue;
      const std::size_t found = head.find("  " + std::string(figure.column.title), at);
      ASSERT_NE(found, std::string::npos) << figure.column.title << " in " << head;
      at = found;
    }
  };
  expect_columns(line_with(table, "CLASS"), row_figures);
  expect_columns(line_with(table, "LANE"), lane_figures);
}

TEST(TheStatsTable, SaysInOneLineWhatTheLanesWereWorth) {
  EXPECT_THAT(line_with(stats_table(with_lanes()), "worth"),
              ContainsRegex("^worth: 12.3 s of task work .*about 1000 prompt tokens"));
  EXPECT_THAT(stats_table(busy()), Not(HasSubstr("worth:"))) << "nothing yet";
}

TEST(TheStatsTable, TellsTheSlotsOfEachServer) {
  EXPECT_THAT(stats_table(with_lanes()),
              HasSubstr("\nslots: 127.0.0.1:11435 1, original:11434 4 (2 kept for chats)\n"));
}

TEST(TheStatsTable, TellsHowOldTheAgentsLastSignOfLifeIs) {
  Json stats = busy();
  stats["steering"]["heartbeat_age_seconds"] = 0.1234;
  EXPECT_THAT(stats_table(stats), HasSubstr("\nheartbeat: 123 ms ago\n"));
  EXPECT_THAT(stats_table(busy()), Not(HasSubstr("heartbeat")));
}

}  // namespace
}  // namespace tasklane
