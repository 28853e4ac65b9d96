// `tasklane check` as a person uses it: a file in, its mistakes or what may have been overlooked out.
#include "tools/tasklane/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "support/temporary_folder.h"

namespace tasklane {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;

class Check : public testing::Test {
 protected:
  void run(const std::string& text, bool json = false) {
    out_.str("");
    err_.str("");
    file_ = folder_.write("mine.json", text);
    exit_ = run_check({file_, json}, out_, err_);
  }
  // A configuration that is right, with these rules.
  void run_rules(const std::string& rules, const std::string& packs = R"(["open-webui"])") {
    run(R"({"version": 1, "intercept": [{"port": 11434}], "packs": )" + packs + R"(,
            "upstreams": {"task": {"url": "http://127.0.0.1:5"}}, "rules": )" +
        rules + "}");
    EXPECT_EQ(exit_, ExitCode::done) << err_.str();
  }
  std::string out() const { return out_.str(); }

  test::TemporaryFolder folder_;
  std::string file_;
  std::ostringstream out_;
  std::ostringstream err_;
  ExitCode exit_ = ExitCode::done;
};

// Every task named, each with a way out.
constexpr const char* all_tasks = R"([{"name": "tasks", "when": {"class":
  ["title", "tags", "follow_up", "emoji", "autocomplete", "query", "image_prompt", "tool_selection",
   "memory_review", "task"]}, "then": {"route": ["task", "original"]}}])";

TEST_F(Check, ARightFileIsCountedWithoutARemark) {
  run_rules(all_tasks);
  EXPECT_EQ(out(), file_ + ": ok, 1 rule, 2 upstreams, 1 pack\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(Check, EveryMistakeIsALineOnTheErrorStream) {
  run(R"({"version": 1, "intercept": [{"port": 0}], "rulez": []})");
  EXPECT_EQ(exit_, ExitCode::usage);
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err_.str(), StartsWith(file_ + ":1:39: /intercept/0/port: 0 is not"));
  EXPECT_THAT(err_.str(), HasSubstr("\n" + file_ + ":1:53: /rulez: unknown key 'rulez'"));
}

TEST_F(Check, AProgramGetsTheMistakesAsAList) {
  run(R"({"version": 1, "intercept": [{"port": 0}], "rulez": []})", true);
  EXPECT_EQ(exit_, ExitCode::usage);
  const Json said = Json::parse(out());
  EXPECT_EQ(said["ok"], false);
  ASSERT_EQ(said["errors"].size(), 2u);
  EXPECT_THAT(said["errors"][1].get<std::string>(), HasSubstr("/rulez"));
}

TEST_F(Check, AProgramGetsCountsAndRemarks) {
  run(R"({"version": 1, "intercept": [{"port": 1}], "rules": [{"name": "a", "then": {}}, {"name": "b", "then": {}}]})",
      true);
  const Json said = Json::parse(out());
  EXPECT_EQ(said["ok"], true);
  EXPECT_EQ(said["rules"], 2);
  EXPECT_EQ(said["upstreams"], 1);
  ASSERT_EQ(said["remarks"].size(), 1u);
  EXPECT_THAT(said["remarks"][0].get<std::string>(), HasSubstr("rule 'b' never decides: rule 'a'"));
}

TEST_F(Check, AMissingFileIsNamed) {
  exit_ = run_check({folder_.path() / "none.json", false}, out_, err_);
  EXPECT_EQ(exit_, ExitCode::usage);
  EXPECT_THAT(err_.str(), HasSubstr("none.json: cannot read the configuration: No such file"));
}

TEST_F(Check, APackThatNobodyKnowsIsAMistake) {
  run(R"({"version": 1, "intercept": [{"port": 1}], "packs": ["open-webuy"]})");
  EXPECT_EQ(exit_, ExitCode::usage);
  EXPECT_THAT(err_.str(), StartsWith(file_ + ": /packs: no pack of the name \"open-webuy\" (looked in "));
}

TEST_F(Check, APackBesideTheFileIsRead) {
  std::filesystem::create_directory(folder_.path() / "packs");
  folder_.write("packs/mine.json", R"({"format": 1, "pack": "mine", "version": "1", "entries": 5})");
  run(R"({"version": 1, "intercept": [{"port": 1}], "packs": ["mine"]})");
  EXPECT_EQ(exit_, ExitCode::usage);
  EXPECT_THAT(err_.str(), HasSubstr("packs/mine.json:1:58"));
}

TEST_F(Check, ARuleBehindOneThatMatchesEverythingNeverDecides) {
  run_rules(R"([{"name": "all", "then": {}}, {"name": "late", "when": {"path": "/x"}, "then": {}}])");
  EXPECT_THAT(out(), HasSubstr("hint: rule 'late' never decides: rule 'all' before it matches everything\n"));
}

TEST_F(Check, ARuleWhoseClassesAreAllTakenNeverDecides) {
  run_rules(
      R"([{"name": "a", "when": {"class": "title"}, "then": {}}, {"name": "b", "when": {"class": "tags"}, "then": {}},
                {"name": "late", "when": {"class": ["tags", "title"], "stream": true}, "then": {}}])");
  EXPECT_THAT(out(), HasSubstr("hint: rule 'late' never decides: rules before it take all of its classes\n"));
}

TEST_F(Check, ARuleBehindANarrowerOneMayStillDecide) {
  run_rules(R"([{"name": "a", "when": {"class": "title", "client": "10.0.0.0/8"}, "then": {}},
                {"name": "late", "when": {"class": ["title", "tags"]}, "then": {}},
                {"name": "all", "when": {"stream": true}, "then": {}}, {"name": "last", "then": {}}])");
  EXPECT_THAT(out(), Not(HasSubstr("never decides")));
}

TEST_F(Check, CompactionUnderARuleIsRemarked) {
  run_rules(R"([{"name": "a", "when": {"class": "compaction"}, "then": {}}])");
  EXPECT_THAT(out(), HasSubstr("rule 'a' names compaction, which no rule ever changes"));
}

TEST_F(Check, ARouteWithoutAWayOutIsRemarked) {
  run_rules(R"([{"name": "a", "then": {"route": "task"}}, {"name": "b", "then": {"route": "original"}}])");
  EXPECT_THAT(out(), HasSubstr("rule 'a' has no second upstream: while 'task' is down its requests fail"));
  EXPECT_THAT(out(), Not(HasSubstr("rule 'b' has no second upstream")));
}

TEST_F(Check, ChatsForAModelThatMayNotBeLoadedAreRemarked) {
  const auto guarded = [&](const std::string& classes) {
    run(R"({"version": 1, "intercept": [{"port": 11434}], "packs": ["open-webui"], "upstreams": {
           "small": {"address": "original", "model": "s", "only_if": "resident"}}, "rules": [
           {"name": "r", "when": {"class": )" +
        classes + R"(}, "then": {"route": ["small", "original"]}}]})");
    EXPECT_EQ(exit_, ExitCode::done) << err_.str();
  };
  guarded(R"(["title", "chat"])");
  EXPECT_THAT(
      out(), HasSubstr("rule 'r' takes chats, and upstream 'small' is asked only while its model is loaded"));
  guarded(R"(["title", "tags"])");
  EXPECT_THAT(out(), Not(HasSubstr("takes chats")));
}

TEST_F(Check, WhatAServerSeesOfClientsBehindAListenerIsRemarked) {
  const auto listening = [&](const std::string& on, const std::string& to) {
    run(R"({"version": 1, "listen": [{"address": ")" + on + R"(:11440", "to": "http://)" + to +
        R"(:11434"}]})");
    return out();
  };
  EXPECT_THAT(listening("0.0.0.0", "127.0.0.1"), HasSubstr("opens a server on loopback"));
  EXPECT_THAT(listening("0.0.0.0", "192.0.2.7"), HasSubstr("192.0.2.7 behind \"listen\" on 0.0.0.0 sees"));
  EXPECT_THAT(listening("127.0.0.1", "192.0.2.7"), Not(HasSubstr("sees")));
}

TEST_F(Check, ClassesWithoutAPackAreRemarked) {
  run_rules(all_tasks, "[]");
  EXPECT_THAT(out(), HasSubstr("hint: rules ask for classes, but no pack tells tasks from chats"));
}

TEST_F(Check, TasksThatNoRuleNamesAreRemarked) {
  run_rules(
      R"([{"name": "a", "when": {"class": ["title", "tags", "follow_up", "autocomplete", "query", "task"]}, "then": {}}])");
  EXPECT_THAT(
      out(),
      HasSubstr(
          "hint: no rule names emoji, image_prompt, tool_selection, memory_review: to the model at once"));
  run_rules(R"([{"name": "a", "when": {"class": "embedding"}, "then": {}}])");
  EXPECT_THAT(out(), Not(HasSubstr("no rule names")));
}

// A service whose key or authorities are as a test wrote them.
class CheckOfFiles : public Check {
 protected:
  void run_with(const std::string& members, bool json = false) {
    run(R"({"version": 1, "intercept": [{"port": 11434}], "packs": ["open-webui"],
            "upstreams": {"of/mine": {"url": "https://api.example.com/v1", "model": "m")" +
            members + "}}, \"rules\": " + R"([{"name": "tasks", "when": {"class":
  ["title", "tags", "follow_up", "emoji", "autocomplete", "query", "image_prompt", "tool_selection",
   "memory_review", "task"]}, "then": {"lane": "background", "route": ["of/mine", "original"]}}])" +
            "}",
        json);
  }
  std::string key(const std::string& text, mode_t mode = 0600) {
    const std::string file = folder_.write("key", text);
    ::chmod(file.c_str(), mode);
    return R"(, "api_key_file": ")" + file + "\"";
  }
  std::string authorities(const std::string& text) {
    return R"(, "ca_file": ")" + folder_.write("ca.pem", text) + "\"";
  }
  void expect_fault(const std::string& member, const std::string& what) {
    EXPECT_EQ(exit_, ExitCode::usage);
    EXPECT_EQ(out(), "");
    EXPECT_THAT(err_.str(), StartsWith(file_ + ": /upstreams/of~1mine/" + member + ": "));
    EXPECT_THAT(err_.str(), HasSubstr(what));
    EXPECT_THAT(err_.str(), Not(HasSubstr("sk-")));
  }
};

TEST_F(CheckOfFiles, AKeyThatIsRightIsNoRemark) {
  run_with(key("sk-1\n"));
  EXPECT_EQ(exit_, ExitCode::done) << err_.str();
  EXPECT_THAT(out(), Not(HasSubstr("api_key_file")));
}

TEST_F(CheckOfFiles, AKeyThatIsNotThereIsAMistake) {
  run_with(R"(, "api_key_file": "/nowhere/key")");
  expect_fault("api_key_file", "/nowhere/key: the key cannot be read: No such file");
}

TEST_F(CheckOfFiles, AKeyThatOthersCanReadIsAMistake) {
  run_with(key("sk-1", 0604));
  expect_fault("api_key_file", "everybody can read the key");
}

TEST_F(CheckOfFiles, AnEmptyKeyOrOneOfSeveralLinesIsAMistake) {
  for (const char* const text : {"", " \n", "sk-1\nsk-2\n"}) {
    run_with(key(text));
    expect_fault("api_key_file", "holds no key");
  }
}

TEST_F(CheckOfFiles, AKeyThatIsTooLongIsAMistakeAndNotCut) {
  run_with(key("sk-" + std::string(4093, 'x')));
  EXPECT_EQ(exit_, ExitCode::done) << err_.str();
  run_with(key("sk-" + std::string(4094, 'x')));
  expect_fault("api_key_file", "longer than 4096 bytes");
}

TEST_F(CheckOfFiles, AuthoritiesThatAreNoneAreAMistake) {
  for (const char* const text : {"", "no certificate", "-----BEGIN PRIVATE KEY-----\n"}) {
    run_with(authorities(text));
    expect_fault("ca_file", "holds no certificate");
  }
  run_with(authorities("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  expect_fault("ca_file", "certificate");
  run_with(R"(, "ca_file": "/nowhere/ca.pem")");
  expect_fault("ca_file", "/nowhere/ca.pem: the authorities cannot be read: No such file");
}

TEST_F(CheckOfFiles, AProgramGetsAllOfThem) {
  run_with(R"(, "api_key_file": "/nowhere/key", "ca_file": "/nowhere/ca.pem")", true);
  EXPECT_EQ(exit_, ExitCode::usage);
  const Json said = Json::parse(out());
  EXPECT_EQ(said["ok"], false);
  ASSERT_EQ(said["errors"].size(), 2u);
  EXPECT_THAT(said["errors"][0].get<std::string>(), HasSubstr("/upstreams/of~1mine/api_key_file"));
  EXPECT_THAT(said["errors"][1].get<std::string>(), HasSubstr("/upstreams/of~1mine/ca_file"));
}

TEST_F(CheckOfFiles, ACredentialIsTheAgentsAlone) {
  run_with(R"(, "api_key_file": "hosted-key")");
  EXPECT_EQ(exit_, ExitCode::done) << err_.str();
  EXPECT_THAT(out(),
              HasSubstr("hint: " + file_ + ": /upstreams/of~1mine/api_key_file: hosted-key: the key is a"));
}

}  // namespace
}  // namespace tasklane
