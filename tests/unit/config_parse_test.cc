// What a right configuration means, and how a text that is no configuration is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "shaper/decide/config.h"
#include "shaper/decide/when.h"
#include "support/json_schema.h"
#include "support/temporary_folder.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string_view text) {
  const auto config = parse_config(text, "tasklane.json");
  return config ? "accepted" : config.error().text();
}

TEST(Config, EveryFileInTheConfigFolderIsAcceptedByProgramAndSchema) {
  const test::JsonSchema schema("tasklane.schema.json");
  int read = 0;
  for (const auto& file : std::filesystem::directory_iterator(TASKLANE_SOURCE_DIR "/config")) {
    const std::string name = file.path().filename();
    if (!name.ends_with(".json") || name.ends_with(".schema.json")) continue;
    const auto config = load_config(file.path());
    EXPECT_TRUE(config.has_value()) << config.error().text();
    std::ifstream in(file.path());
    EXPECT_TRUE(schema.allows(nlohmann::json::parse(in))) << name;
    ++read;
  }
  EXPECT_GE(read, 1);
}

// Whether text for a service at `url` leaves the host.
bool leaves_the_host(const std::string& url) {
  const auto config =
      parse_config(R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {"there": {"url": ")" + url +
                       R"(", "model": "m"}}, "rules": [{"name": "a", "when": {"class": "title"},
                                       "then": {"route": "there", "lane": "background"}}]})",
                   "test");
  EXPECT_TRUE(config.has_value()) << config.error().text();
  if (!config) return false;
  const bool said = !sent_off_host(*config).empty();
  EXPECT_EQ(said, config->upstreams.at("there").service->off_host) << url;
  return said;
}

TEST(Config, TextForThisHostDoesNotLeaveItAndForOneThatSoundsAlikeItDoes) {
  for (const char* const here :
       {"https://localhost/v1", "https://localhost:8443", "https://127.0.0.1", "https://127.1.2.3/v1",
        "https://[::1]:8443/v1", "https://LOCALHOST", "https://0.0.0.0", "https://[::ffff:127.0.0.1]",
        "https://[0:0:0:0:0:0:0:1]"})
    EXPECT_FALSE(leaves_the_host(here)) << here;
  for (const char* const there :
       {"https://localhost.evil.example", "https://127.0.0.1.nip.io/v1", "https://notlocalhost",
        "https://127.evil", "https://127.0.0.1.evil.example:8443", "https://[2001:db8::1]",
        "https://128.0.0.1", "https://1.127.0.1", "https://api.example.com/localhost"})
    EXPECT_TRUE(leaves_the_host(there)) << there;
}

TEST(Config, TheExampleMeansWhatItSays) {
  const auto config = load_config(TASKLANE_SOURCE_DIR "/config/example.json");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  ASSERT_EQ(config->intercept.size(), 1u);
  EXPECT_EQ(config->intercept[0].port, 11434);
  const Upstream& task = config->upstreams.at("task");
  EXPECT_FALSE(task.original);
  EXPECT_EQ(task.host, "127.0.0.1");
  EXPECT_EQ(task.port, 11435);
  EXPECT_EQ(task.authority, "127.0.0.1:11435");
  EXPECT_EQ(task.model, "qwen2.5:3b");
  EXPECT_TRUE(config->upstreams.at("model").original);
  EXPECT_FALSE(config->upstreams.contains("original"));  // it has a name already
  EXPECT_THAT(config->packs, ElementsAre("open-webui"));
  ASSERT_EQ(config->rules.size(), 1u);
  EXPECT_EQ(config->rules[0].name, "tasks to the task model");
  EXPECT_THAT(config->rules[0].then.route, ElementsAre("task", "model"));
  EXPECT_EQ(config->rules[0].then.patch->dump(), R"({"options":{"num_predict":256}})");
  EXPECT_THAT(config->rules[0].when->classes,
              ElementsAre(RequestClass::title, RequestClass::tags, RequestClass::follow_up,
                          RequestClass::autocomplete, RequestClass::query));
  EXPECT_EQ(config->limits.max_body.bytes, 64u << 20);
  EXPECT_EQ(config->limits.max_connections, 4096u);
}

TEST(Config, EverySettingArrives) {
  const std::string text = R"({
    "$schema": "tasklane.schema.json",
    "version": 1,
    "listen": [{"address": "[::1]:11440", "to": "http://[fd00::7]/"}, {"address": "127.0.0.1:1", "to": "http://ollama:2"}],
    "limits": {"max_body": "1.5MiB", "max_header": 2048, "max_connections": 7, "idle_timeout": "2m",
               "header_timeout": "5 s", "connect_timeout": "250ms"},
    "heartbeat": {"stale": "3s"},
    "metrics": {"listen": "127.0.0.1:9464"},
    "control": {"socket": "/tmp/t.sock"}
  })";
  const auto config = parse_config(text, "x");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_TRUE(test::JsonSchema("tasklane.schema.json").allows(nlohmann::json::parse(text)));
  ASSERT_EQ(config->listen.size(), 2u);
  EXPECT_EQ(config->listen[0].host, "::1");
  EXPECT_EQ(config->listen[0].port, 11440);
  EXPECT_EQ(config->listen[0].to_host, "fd00::7");
  EXPECT_EQ(config->listen[0].to_port, 80);
  EXPECT_EQ(config->listen[1].to_host, "ollama");
  EXPECT_EQ(config->limits.max_body.bytes, 3u << 19);
  EXPECT_EQ(config->limits.max_header.bytes, 2048u);
  EXPECT_EQ(config->limits.max_connections, 7u);
  EXPECT_EQ(config->limits.idle_timeout, 2min);
  EXPECT_EQ(config->limits.header_timeout, 5s);
  EXPECT_EQ(config->limits.connect_timeout, 250ms);
  EXPECT_EQ(config->heartbeat_stale, 3s);
  EXPECT_EQ(config->metrics, "127.0.0.1:9464");
  EXPECT_EQ(config->control_socket, "/tmp/t.sock");
  EXPECT_TRUE(config->upstreams.at("original").original);
}

TEST(Config, AnUpstreamsNameInBracketsKeepsThemInTheHostField) {
  const auto config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {"six": {"url": "http://[::1]:5"}}})", "x");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_EQ(config->upstreams.at("six").host, "::1");
  EXPECT_EQ(config->upstreams.at("six").authority, "[::1]:5");
}

TEST(Config, AnUpstreamOfSeveralAddressesIsRoutedToAsOne) {
  const std::string text = R"({"version": 1, "intercept": [{"port": 1}],
      "upstreams": {"gpu": {"urls": ["http://10.0.0.2:8000", "http://127.0.0.1:8000"], "model": "m",
                            "engine": "vllm"}, "gpu-2": {"urls": ["http://c:1"]}},
      "rules": [{"name": "t", "when": {"class": "title"}, "then": {"route": ["gpu", "original"], "lane": "background"}}]})";
  const auto config = parse_config(text, "x");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_TRUE(test::JsonSchema("tasklane.schema.json").allows(nlohmann::json::parse(text)));
  EXPECT_THAT(config->rules[0].then.route,
              testing::ElementsAre("gpu@10.0.0.2:8000", "gpu@127.0.0.1:8000", "original"));
  for (const char* const name : {"gpu@10.0.0.2:8000", "gpu@127.0.0.1:8000"}) {
    const Upstream& one = config->upstreams.at(name);
    EXPECT_EQ("gpu", one.called());
    EXPECT_EQ("m", one.model);
    EXPECT_EQ(Engine::vllm, one.engine);
    EXPECT_EQ(8000, one.port);
    EXPECT_GT(one.slots, 1U) << "it computes many at once";
  }
  EXPECT_TRUE(config->upstreams.at("gpu@10.0.0.2:8000").own_compute);
  EXPECT_FALSE(config->upstreams.at("gpu@127.0.0.1:8000").own_compute);
  EXPECT_EQ("gpu-2", config->upstreams.at("gpu-2").called()) << "a list of one is no group";
}

TEST(Config, AnOriginalThatReplacesTheModelIsNotWhereUnnamedRequestsGo) {
  const auto config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}],
          "upstreams": {"small": {"address": "original", "model": "tiny"}}})",
      "x");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_TRUE(config->upstreams.at("original").original);
  EXPECT_FALSE(config->upstreams.at("original").model);
  EXPECT_EQ(config->upstreams.at("small").model, "tiny");
}

TEST(Config, EveryErrorOfAFileIsToldAtOnceALineEach) {
  const std::string text = refusal(R"({
  "version": 1,
  "intercept": [{"port": 0}],
  "upstreams": {"task": {"url": "ftp://x"}},
  "rules": [
    {"name": "a", "when": {"class": "titel"}, "then": {"route": "taks"}}
  ]
})");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_THAT(text, HasSubstr("tasklane.json:3:26: /intercept/0/port: "));
  EXPECT_THAT(text, HasSubstr("\ntasklane.json:6:37: /rules/0/when/class: rule 'a': unknown class 'titel'"));
  EXPECT_THAT(text,
              HasSubstr("\ntasklane.json:6:65: /rules/0/then/route: rule 'a': unknown upstream 'taks'"));
}

TEST(Config, BrokenJsonIsToldByLineAndColumn) {
  EXPECT_THAT(refusal("{\n  \"version\": 1\n  \"intercept\": []\n}"),
              StartsWith("tasklane.json:3:13: not JSON: "));
  EXPECT_THAT(refusal(""), StartsWith("tasklane.json:1:1: not JSON: "));
  EXPECT_THAT(refusal("{\"version\": 1,}"), HasSubstr("missing comma, quote or bracket"));
}

TEST(Config, ANumberThatNoComputerHoldsIsAnErrorAtItsPlace) {
  EXPECT_THAT(refusal("{\"version\":\n 1e999}"), StartsWith("tasklane.json:2:6: not JSON: number overflow"));
}

TEST(Config, EachKeyThatStandsTwiceIsToldWithThePlaceOfTheSecond) {
  const std::string text =
      refusal("{\"version\": 1,\n \"version\": 1,\n \"limits\": {\"max_body\": 5, \"max_bod\\u0079\": 6}}");
  EXPECT_THAT(text, StartsWith("tasklane.json:2:2: the key /version stands twice"));
  EXPECT_THAT(text, HasSubstr("\ntasklane.json:3:28: the key /limits/max_body stands twice"));
}

TEST(Config, AKeyWithSlashAndTildeIsNamedAsAPointerNamesIt) {
  EXPECT_THAT(refusal(R"({"version": 1, "intercept": [{"port": 1}], "a/b~c": 1})"),
              HasSubstr("tasklane.json:1:53: /a~1b~0c: unknown key 'a/b~c'"));
}

TEST(Config, AByteOrderMarkIsNoError) {
  EXPECT_EQ(refusal("\xef\xbb\xbf{\"version\": 1, \"intercept\": [{\"port\": 1}]}"), "accepted");
  EXPECT_THAT(refusal("\xef\xbb\xbf{\"version\": 2}"), HasSubstr("tasklane.json:1:13: /version"));
}

TEST(Config, NestingWithoutEndIsRefusedAndNotFollowed) {
  const std::string deep = R"({"version": )" + std::string(200000, '[') + std::string(200000, ']') + "}";
  EXPECT_THAT(refusal(deep), StartsWith("tasklane.json:1:112: nested deeper than 100 levels"));
}

TEST(Config, AFileThatCannotBeReadIsNamedWithTheReason) {
  const test::TemporaryFolder folder;
  const auto missing = load_config(folder.path() / "none.json");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().exit, ExitCode::usage);
  EXPECT_EQ(missing.error().text(),
            (folder.path() / "none.json").string() +
                ": cannot read the configuration: No such file or directory (name a JSON "
                "file with --config)");
  const auto directory = load_config(folder.path());
  ASSERT_FALSE(directory.has_value());
  EXPECT_THAT(directory.error().text(), HasSubstr("it is a folder"));
}

TEST(Config, AFilesErrorsNameTheFile) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("mine.json", R"({"version": 3, "intercept": [{"port": 1}]})");
  const auto config = load_config(file);
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error().text(), StartsWith(file + ":1:13: /version: "));
}

TEST(Config, ReadsWhatAnUpstreamCanDo) {
  const auto config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {
          "model": {"address": "original", "slots": 4, "reserve": 2, "rewarm": true, "prewarm": true},
          "task": {"url": "http://a:1"}}})",
      "x");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_EQ(config->original().slots, 4u);
  EXPECT_EQ(config->original().reserve, 2u);
  EXPECT_TRUE(config->original().rewarm);
  EXPECT_TRUE(config->original().prewarm);
  EXPECT_EQ(config->upstreams.at("task").slots, std::nullopt);
  EXPECT_EQ(config->upstreams.at("task").reserve, 0u);
  EXPECT_FALSE(config->upstreams.at("task").rewarm);
  EXPECT_FALSE(config->upstreams.at("task").prewarm);
}

TEST(TheUsualFile, IsReadWhereItIsThere) {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("tasklane.json", R"({"version": 1, "intercept": [{"port": 4711}]})");
  const Result<Config> config = usual_config(file);
  ASSERT_TRUE(config.has_value()) << config.error().text();
  EXPECT_EQ(config->source, file);
  EXPECT_EQ(config->intercept.front().port, 4711);
}

TEST(TheUsualFile, IsTheOneModelProfileWhereItIsNotThere) {
  const test::TemporaryFolder folder;
  for (const auto& missing :
       {folder.path() / "tasklane.json", folder.path() / "no folder" / "tasklane.json"}) {
    const Result<Config> config = usual_config(missing);
    ASSERT_TRUE(config.has_value()) << config.error().text();
    EXPECT_EQ(config->source, "the built-in one-model profile");
    EXPECT_EQ(config->rules.size(), default_config()->rules.size());
  }
}

TEST(TheUsualFile, ThatIsBrokenIsNoMissingOne) {
  const test::TemporaryFolder folder;
  EXPECT_TRUE(usual_config(folder.write("tasklane.json", "{")).has_error());
  EXPECT_TRUE(usual_config(folder.path()).has_error());
}

}  // namespace
}  // namespace tasklane
