// What `tasklane check` says of settings that are right but have no effect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/tasklane/config_remarks.h"

namespace tasklane {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;
using Remarks = std::vector<std::string>;

Remarks of_upstreams(const std::string& upstreams, const std::string& rules = "[]") {
  const Result<Config> config =
      parse_config(R"({"version": 1, "intercept": [{"port": 1}], "packs": ["open-webui"], "upstreams": {)" +
                       upstreams + R"(}, "rules": )" + rules + "}",
                   "test");
  EXPECT_TRUE(config.has_value()) << config.error().text();
  return config ? remarks_on(*config) : Remarks();
}

// Of a rule for these classes, without the remark on the tasks that it leaves out.
Remarks of_rule(const std::string& classes, const std::string& then) {
  Remarks remarks =
      of_upstreams("", R"([{"name": "r", "when": {"class": )" + classes + R"(}, "then": )" + then + "}]");
  std::erase_if(remarks, [](const std::string& each) { return each.starts_with("no rule names"); });
  return remarks;
}

TEST(RemarksOnLanes, AProfileThatIsShippedHasNone) {
  for (const char* profile : {"one-model", "task-model", "quiet"}) {
    const Result<Config> config =
        load_config(std::string(TASKLANE_SOURCE_DIR "/config/") + profile + ".json");
    ASSERT_TRUE(config.has_value()) << config.error().text();
    EXPECT_EQ(remarks_on(*config), Remarks()) << profile;
  }
}

TEST(RemarksOnLanes, AReserveOfAllSlots) {
  EXPECT_THAT(
      of_upstreams(R"("m": {"address": "original", "slots": 2, "reserve": 2})"),
      Contains("upstream 'm' keeps all of its 2 slots for chats: background work uses one all the same"));
  EXPECT_EQ(of_upstreams(R"("m": {"address": "original", "slots": 2, "reserve": 1})"), Remarks());
  EXPECT_EQ(of_upstreams(R"("m": {"address": "original", "reserve": 2})"), Remarks()) << "still to be learnt";
}

TEST(RemarksOnLanes, WarmingAServerThatNoChatGoesTo) {
  for (const char* setting : {"rewarm", "prewarm", "graft"}) {
    const std::string on = std::string(", \"") + setting + "\": true";
    EXPECT_THAT(
        of_upstreams(R"("m": {"address": "original"}, "t": {"url": "http://h:1")" + on + "}"),
        Contains(StartsWith(std::string("upstream 't': ") + setting + " without effect: chats go to 'm'")));
    EXPECT_EQ(of_upstreams(R"("m": {"address": "original")" + on + "}"), Remarks());
  }
}

TEST(RemarksOnLanes, LaneSettingsOfWhatIsNoTask) {
  EXPECT_THAT(of_rule(R"(["chat", "moa", "title"])", R"({"answer": true, "quiet": "1s"})"),
              Contains(StartsWith("rule 'r' says answer, quiet of chat, moa, which is no task")));
  EXPECT_EQ(of_rule(R"("chat")", R"({"patch": {"a": 1}})"), Remarks());
  EXPECT_THAT(of_rule(R"("compaction")", R"({"answer": true})"),
              Contains("rule 'r' names compaction, which no rule ever changes"));
}

TEST(RemarksOnLanes, WhatCannotTakeEffectOnChatsThatARulePutsIntoALane) {
  EXPECT_THAT(of_rule(R"("chat")", R"({"lane": "background", "constrain": true, "cache": "1m"})"),
              Contains(StartsWith("rule 'r': cache, constrain without effect on chat")));
  EXPECT_EQ(of_rule(R"("chat")", R"({"lane": "background", "quiet": "1s", "max_wait": "5m"})"), Remarks());
  const Remarks of_client = of_upstreams(
      "",
      R"([{"name": "r", "when": {"client": "10.0.0.7/32"}, "then": {"lane": "background", "answer": true}}])");
  EXPECT_THAT(of_client, Contains(StartsWith("rule 'r': answer without effect on what is no task")));
}

TEST(RemarksOnLanes, AnEmptyAnswerToWhatHasNone) {
  EXPECT_THAT(of_rule(R"(["task", "title"])", R"({"answer": true})"),
              Contains("rule 'r': nothing empty is a valid answer to task: answer without effect there"));
  EXPECT_EQ(of_rule(R"("title")", R"({"answer": true})"), Remarks());
}

TEST(RemarksOnLanes, ASettleLongerThanTheLongestWait) {
  EXPECT_THAT(of_rule(R"("title")", R"({"settle": "40s"})"),
              Contains(HasSubstr("settle is longer than max_wait")));
  EXPECT_EQ(of_rule(R"("title")", R"({"settle": "40s", "max_wait": "1m"})"), Remarks());
}

TEST(RemarksOnLanes, SettingsBesideTheInteractiveLane) {
  EXPECT_THAT(
      of_rule(R"("title")", R"({"lane": "interactive", "constrain": true, "align": true})"),
      Contains("rule 'r' has the lane interactive, where requests go at once: align, constrain without "
               "effect"));
  EXPECT_EQ(of_rule(R"("title")", R"({"lane": "interactive"})"), Remarks());
}

TEST(RemarksOnLanes, SettingsThatTheLaneIgnores) {
  EXPECT_THAT(
      of_rule(R"("title")", R"({"share": "5%", "debounce": "1s", "type_ahead": true, "quiet": "1s"})"),
      Contains("rule 'r': debounce, share, type_ahead without effect in the lane background"));
  EXPECT_THAT(of_rule(R"("autocomplete")", R"({"settle": "1s", "slices": true, "share": "5%"})"),
              Contains("rule 'r': settle without effect in the lane keystroke"));
  EXPECT_THAT(of_rule(R"("query")", R"({"settle": "1s", "constrain": true})"),
              Contains("rule 'r': settle without effect in the lane blocking"));
  EXPECT_THAT(of_rule(R"("title")", R"({"lane": "keystroke", "settle": "1s"})"),
              Contains(HasSubstr("in the lane keystroke")));
  EXPECT_EQ(of_rule(R"(["title", "autocomplete"])", R"({"share": "5%", "settle": "1s"})"), Remarks())
      << "each is of use to one of them";
}

TEST(RemarksOnUpstreams, TwoNamesOfOneServer) {
  const std::string twins =
      R"("a": {"url": "https://h/v1", "model": "m"}, "b": {"url": "https://h:443/v1/", "model": "m"})";
  EXPECT_THAT(of_upstreams(twins),
              Contains(StartsWith("upstreams 'a' and 'b' are the same model at the same address")));
  EXPECT_EQ(of_upstreams(R"("a": {"url": "http://h:1", "model": "m"}, "b": {"url": "http://h:1"})"),
            Remarks())
      << "another model";
  EXPECT_EQ(of_upstreams(R"("a": {"urls": ["http://h:1", "http://h:2"]})"), Remarks());
}

TEST(RemarksOnUpstreams, PrioritiesThatOnlyTheOperatorKnowsOf) {
  EXPECT_THAT(of_upstreams(R"("m": {"address": "original", "engine": "vllm", "priority_scheduling": true})"),
              Contains(HasSubstr("must have been started with --scheduling-policy priority")));
  EXPECT_THAT(
      of_upstreams(R"("m": {"address": "original", "engine": "sglang", "priority_scheduling": true})"),
      Contains(HasSubstr("--enable-priority-scheduling --default-priority-value 0")));
  EXPECT_THAT(
      of_upstreams(R"("m": {"url": "http://127.0.0.1:1", "engine": "vllm", "priority_scheduling": true})"),
      Contains(HasSubstr("wait for chats all the same")));
}

}  // namespace
}  // namespace tasklane
