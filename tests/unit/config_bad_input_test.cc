// A configuration that is wrong is refused with words that say what, where and what to do; the schema in
// config/ refuses the same, as far as a schema can say it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "shaper/decide/config.h"
#include "support/json_schema.h"

namespace tasklane {
namespace {

using testing::HasSubstr;

// What a JSON Schema cannot tell: other values of the file, ranges of texts, the syntax of RE2.
enum class Schema { refuses, cannot_tell };

struct BadInput {
  std::string name;
  std::string text;
  std::vector<std::string> says;  // parts of the message
  Schema schema = Schema::refuses;
};

void PrintTo(const BadInput& input, std::ostream* out) { *out << input.text; }

std::string top(const std::string& members) {
  return R"({"version": 1, "intercept": [{"port": 11434}], )" + members + "}";
}
std::string upstream(const std::string& text) { return top(R"("upstreams": {"small": )" + text + "}"); }
std::string rule(const std::string& when, const std::string& then = "{}") {
  return top(R"("rules": [{"name": "mine", "when": )" + when + R"(, "then": )" + then + "}]");
}

class BadConfig : public testing::TestWithParam<BadInput> {};

TEST_P(BadConfig, IsRefusedWithWordsThatHelp) {
  const auto config = parse_config(GetParam().text, "tasklane.json");
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().exit, ExitCode::usage);
  EXPECT_THAT(config.error().text(), testing::StartsWith("tasklane.json:"));
  for (const std::string& part : GetParam().says) EXPECT_THAT(config.error().text(), HasSubstr(part));
}

TEST_P(BadConfig, IsRefusedByTheSchemaWhereASchemaCanTell) {
  static const test::JsonSchema schema("tasklane.schema.json");
  const auto json = nlohmann::json::parse(GetParam().text, nullptr, false);
  EXPECT_EQ(schema.allows(json), GetParam().schema == Schema::cannot_tell);
}

std::string name_of_input(const testing::TestParamInfo<BadInput>& info) { return info.param.name; }

const std::vector<BadInput> top_level{
    {"UnknownKey",
     top(R"("rulez": [])"),
     {"tasklane.json:1:57: /rulez: unknown key 'rulez'", "did you mean 'rules'?",
      "known are: ", "upstreams"}},
    {"UnknownKeyThatResemblesNothing", top(R"("colour": 1)"), {"unknown key 'colour' (known are: "}},
    {"NoObject", "[]", {"tasklane.json:1:1: /: must be an object, not array"}},
    {"VersionMissing", R"({"intercept": [{"port": 1}]})", {"'version' is missing"}},
    {"VersionOfTomorrow",
     R"({"version": 2, "intercept": [{"port": 1}]})",
     {"tasklane.json:1:13: /version: must be 1, not 2", "this release reads version 1"}},
    {"VersionAsText", R"({"version": "1", "intercept": [{"port": 1}]})", {"/version: must be 1, not \"1\""}},
    {"NowhereToStand", R"({"version": 1})", {"neither 'intercept' nor 'listen'", "11434"}},
    {"NowhereInTwoEmptyLists",
     R"({"version": 1, "intercept": [], "listen": []})",
     {"neither 'intercept' nor 'listen'"}},
    {"RulesAsObject", top(R"("rules": {})"), {"/rules: must be a list, not object"}},
    {"PackAsNumber", top(R"("packs": [7])"), {"/packs/0: must be a text in quotes, not number"}},
    {"UnknownLimit",
     top(R"("limits": {"max_bodies": 1})"),
     {"/limits/max_bodies", "did you mean 'max_body'?", "idle_timeout"}},
    {"SizeWithAnUnknownUnit",
     top(R"("limits": {"max_body": "64 mib"})"),
     {"/limits/max_body: '64 mib' has the unknown unit 'mib'", "64MiB"}},
    {"SizeWithoutNumber", top(R"("limits": {"max_body": "much"})"), {"'much' does not start with a number"}},
    {"SizeBelowZero", top(R"("limits": {"max_body": -5})"), {"/limits/max_body: must be a size"}},
    {"SizeTooSmallToWork", top(R"("limits": {"max_header": 10})"), {"/limits/max_header: is below 1KiB"}},
    {"SizePastAllBounds",
     top(R"("limits": {"max_body": "99999999999GiB"})"),
     {"is too large"},
     Schema::cannot_tell},
    {"DurationWithoutUnit",
     top(R"("limits": {"idle_timeout": "5"})"),
     {"/limits/idle_timeout: '5' has no unit", "\"1.5s\""}},
    {"DurationAsNumber", top(R"("limits": {"idle_timeout": 5})"), {"must be a text in quotes, not number"}},
    {"DurationOfNothing",
     top(R"("limits": {"idle_timeout": "0s"})"),
     {"must be longer than nothing"},
     Schema::cannot_tell},
    {"ConnectionsZero",
     top(R"("limits": {"max_connections": 0})"),
     {"0 is not a whole number from 1 to 1000000"}},
    {"ConnectionsFractional", top(R"("limits": {"max_connections": 1.5})"), {"must be a whole number"}},
    {"HeartbeatTooShort",
     top(R"("heartbeat": {"stale": "1ms"})"),
     {"/heartbeat/stale: must be from 600ms to 1m"},
     Schema::cannot_tell},
    {"MetricsWithoutPort",
     top(R"("metrics": {"listen": "127.0.0.1"})"),
     {"/metrics/listen: '127.0.0.1' is no address and port", "127.0.0.1:9464"}},
    {"MetricsByName",
     top(R"("metrics": {"listen": "localhost:9464"})"),
     {"'localhost:9464' is no address and port"}},
    {"ControlSocketEmpty",
     top(R"("control": {"socket": ""})"),
     {"/control/socket: a UNIX socket's path has from 1"}},
    {"ControlSocketTooLong",
     top(R"("control": {"socket": "/)" + std::string(107, 'x') + "\"}"),
     {"from 1 to 107 bytes"}}};
INSTANTIATE_TEST_SUITE_P(TopLevel, BadConfig, testing::ValuesIn(top_level), name_of_input);

std::string intercept(const std::string& list) { return R"({"version": 1, "intercept": )" + list + "}"; }
std::string listen(const std::string& address, const std::string& to) {
  return R"({"version": 1, "listen": [{"address": ")" + address + R"(", "to": ")" + to + "\"}]}";
}

const std::vector<BadInput> places{
    {"PortZero",
     intercept(R"([{"port": 0}])"),
     {"tasklane.json:1:39: /intercept/0/port: 0 is not a whole number from 1 to 65535"}},
    {"PortTooHigh", intercept(R"([{"port": 70000}])"), {"/intercept/0/port: 70000 is not a whole number"}},
    {"PortBelowZero", intercept(R"([{"port": -1}])"), {"/intercept/0/port: -1 is not a whole number"}},
    {"PortAsText",
     intercept(R"([{"port": "x"}])"),
     {"/intercept/0/port: must be a whole number", "not string"}},
    {"PortMissing", intercept("[{}]"), {"/intercept/0: 'port' is missing"}},
    {"PortTwice", intercept(R"([{"port": 5}, {"port": 5}])"), {"/intercept/1/port: port 5 is named twice"}},
    {"PortBare", intercept("[11434]"), {"/intercept/0: must be an object, not number"}},
    {"ListenWithoutPort",
     listen("127.0.0.1", "http://127.0.0.1:1"),
     {"/listen/0/address: '127.0.0.1' is no address and port", "[::1]:11440"}},
    {"ListenByName", listen("localhost:5", "http://127.0.0.1:1"), {"'localhost:5' is no address and port"}},
    {"ListenOnIpv6WithoutBrackets",
     listen("::1:5", "http://127.0.0.1:1"),
     {"'::1:5' is no address and port"}},
    {"ListenPortTooHigh",
     listen("127.0.0.1:70000", "http://127.0.0.1:1"),
     {"is no address and port"},
     Schema::cannot_tell},
    {"ListenOnItself",
     listen("127.0.0.1:5", "http://127.0.0.1:5"),
     {"/listen/0: it would call itself"},
     Schema::cannot_tell},
    {"ListenWithoutTo", R"({"version": 1, "listen": [{"address": "127.0.0.1:5"}]})", {"'to' is missing"}},
    {"ListenTwice",
     R"({"version": 1, "listen": [{"address": "127.0.0.1:5", "to": "http://a:1"},
                                                  {"address": "127.0.0.1:5", "to": "http://b:1"}]})",
     {"tasklane.json:2:63: /listen/1/address: '127.0.0.1:5' is named twice"},
     Schema::cannot_tell}};
INSTANTIATE_TEST_SUITE_P(Places, BadConfig, testing::ValuesIn(places), name_of_input);

const std::vector<BadInput> upstreams{
    {"Neither",
     upstream("{}"),
     {"/upstreams/small: upstream 'small': neither 'address' nor 'url'", "http://host:port"}},
    {"Both", upstream(R"({"address": "original", "url": "http://a:1"})"), {"both 'address' and 'url'"}},
    {"ForeignAddress",
     upstream(R"({"address": "10.0.0.1:11434"})"),
     {"/address: upstream 'small': '10.0.0.1:11434' is no address"}},
    {"ServiceWithoutModel",
     upstream(R"({"url": "https://a:1"})"),
     {"/upstreams/small: upstream 'small': a service needs a 'model'"},
     Schema::cannot_tell},
    {"PathWithoutDialect",
     upstream(R"({"url": "http://a:1/v1"})"),
     {"the url has a path", R"("dialect": "openai")"},
     Schema::cannot_tell},
    {"KeyWithoutDialect",
     upstream(R"({"url": "http://a:1", "api_key_file": "k"})"),
     {"'api_key_file' is for an upstream with a url and a dialect of its own"},
     Schema::cannot_tell},
    {"PriceOfTheOriginal",
     upstream(R"({"address": "original", "price": {"input": "1", "output": "1"}})"),
     {"'price' is for an upstream with a url"},
     Schema::cannot_tell},
    {"KeyInClear",
     upstream(R"({"url": "http://example.com", "dialect": "openai", "model": "m", "api_key_file": "k"})"),
     {"a key would cross the network unencrypted", "https"},
     Schema::cannot_tell},
    {"AuthoritiesInClear",
     upstream(R"({"url": "http://a", "dialect": "openai", "model": "m", "ca_file": "k"})"),
     {"'ca_file' without https"},
     Schema::cannot_tell},
    {"BudgetWithoutPrice",
     upstream(R"({"url": "https://a", "model": "m", "budget": {"per_day": "1"}})"),
     {"'budget' without 'price'"},
     Schema::cannot_tell},
    {"BudgetWithChats",
     upstream(
         R"({"url": "https://a", "model": "m", "price": {"input": "1", "output": "1"}, "budget": {"per_day": "1"}, "allow_off_host_chat": true})"),
     {"'budget' with chats"},
     Schema::cannot_tell},
    {"UnknownDialect",
     upstream(R"({"url": "https://a", "model": "m", "dialect": "opnai"})"),
     {"unknown dialect 'opnai'", "did you mean 'openai'"}},
    {"NoAmount",
     upstream(R"({"url": "https://a", "model": "m", "price": {"input": "1,5", "output": "1"}})"),
     {"'1,5' is no amount", R"("0.10")"}},
    {"HastyTimeout",
     upstream(R"({"url": "https://a", "model": "m", "timeout": "5ms"})"),
     {"is below 100ms"},
     Schema::cannot_tell},
    {"UnknownEngine",
     upstream(R"({"url": "http://a:1", "engine": "vlm"})"),
     {"/upstreams/small/engine: upstream 'small': unknown engine 'vlm'", "did you mean 'vllm'?"}},
    {"PrioritiesOfAServerThatHasNone",
     upstream(R"({"url": "http://a:1", "engine": "llama-server", "priority_scheduling": true})"),
     {"'priority_scheduling' for a server that is not said to have priorities", R"("engine": "vllm")"},
     Schema::cannot_tell},
    {"AUrlWithAPassword",
     upstream(R"({"url": "https://user:hunter2@a/v1", "model": "m"})"),
     {"'https://...@a/v1' has no usable host", "no name and password stand in it"}},
    {"AValueThatWouldMoveTheCursor",
     upstream(R"({"url": "http://a:1", "engine": "\u001b[2Jvllm\nhint: fine"})"),
     {R"(unknown engine '\x1b[2Jvllm\nhint: fine')"}},
    {"AnUpstreamNamedByControls",
     top(R"("upstreams": {"a\u0007": {"url": "http://a:1"}})"),
     {R"(/upstreams/a\x07: upstream 'a\x07': a name of more than 200 bytes, or with characters)"},
     Schema::cannot_tell},
    {"NoAddressAtAll",
     upstream(R"({"urls": []})"),
     {"/upstreams/small/urls: upstream 'small': the list is empty"}},
    {"UrlAndUrls", upstream(R"({"url": "http://a:1", "urls": ["http://b:1"]})"), {"both 'url' and 'urls'"}},
    {"AddressAndUrls",
     upstream(R"({"address": "original", "urls": ["http://b:1"]})"),
     {"both 'address' and 'url'"}},
    {"AnAddressTwice",
     upstream(R"({"urls": ["http://a:1", "http://a:1"]})"),
     {"'a:1' stands twice in 'urls'"}},
    {"UrlsOfTwoKinds",
     upstream(R"({"urls": ["http://a:1", "https://b"], "model": "m", "dialect": "openai"})"),
     {"'urls' with http and with https"},
     Schema::cannot_tell},
    {"WhatAllAddressesLackIsToldOnce",
     upstream(R"({"urls": ["https://a", "https://b"]})"),
     {"a service needs a 'model'"},
     Schema::cannot_tell},
    {"UnknownCondition",
     upstream(R"({"url": "http://a:1", "model": "m", "only_if": "loaded"})"),
     {"/upstreams/small/only_if: upstream 'small': unknown condition 'loaded'", "\"resident\" is known"}},
    {"ResidencyOfTheClientsOwnModel",
     top(R"("upstreams": {"a": {"address": "original", "only_if": "resident"}})"),
     {"'only_if' for the model that its clients ask for", "give \"model\""},
     Schema::cannot_tell},
    {"ResidencyAtSomebodyElses",
     upstream(R"({"url": "https://a", "model": "m", "only_if": "resident"})"),
     {"'only_if' for somebody else's server"},
     Schema::cannot_tell},
    {"NobodyBehindWhatMayNotBeLoaded",
     top(R"("upstreams": {"a": {"address": "original", "model": "m", "only_if": "resident"}}, "rules": [
            {"name": "r", "when": {"class": "title"}, "then": {"lane": "background", "route": ["original", "a"]}}])"),
     {"upstream 'a' is the last of the route, and is asked only while its model is loaded",
      "name one behind it"},
     Schema::cannot_tell},
    {"TimeoutOfTheOriginal",
     top(R"("upstreams": {"a": {"address": "original", "timeout": "5s"}})"),
     {"'timeout' for where the client wanted to go"},
     Schema::cannot_tell},
    {"Query", upstream(R"({"url": "http://a:1?x=y"})"), {"has no usable host, port and path"}},
    {"LineFeedInPath", upstream(R"({"url": "https://a/v1\r\nX: y", "model": "m"})"), {"no usable host"}},
    {"NoScheme", upstream(R"({"url": "a:1"})"), {"'a:1' does not start with http://"}},
    {"UserInfo", upstream(R"({"url": "http://me@a:1"})"), {"no usable host"}},
    {"LineFeedInHost", upstream(R"({"url": "http://a\r\nX: y:1"})"), {"no usable host"}},
    {"UrlPortZero", upstream(R"({"url": "http://a:0"})"), {"no usable host, port"}, Schema::cannot_tell},
    {"UrlPortEmpty", upstream(R"({"url": "http://a:"})"), {"no usable host, port"}},
    {"UrlPortTooHigh",
     upstream(R"({"url": "http://a:65536"})"),
     {"no usable host, port"},
     Schema::cannot_tell},
    {"EmptyModel", upstream(R"({"url": "http://a:1", "model": ""})"), {"the model's name is empty"}},
    {"UnknownUpstreamKey",
     upstream(R"({"url": "http://a:1", "modell": "x"})"),
     {"/upstreams/small/modell: upstream 'small': unknown key 'modell'", "did you mean 'model'?"}},
    {"TheKeptName",
     top(R"("upstreams": {"original": {"url": "http://a:1"}})"),
     {"the name 'original' is kept for where the client wanted to go"}},
    {"TheKeptNameWithModel",
     top(R"("upstreams": {"original": {"address": "original", "model": "x"}})"),
     {"the name 'original' is kept"}},
    {"NoName", top(R"("upstreams": {"": {"url": "http://a:1"}})"), {"an upstream needs a name"}}};
INSTANTIATE_TEST_SUITE_P(Upstreams, BadConfig, testing::ValuesIn(upstreams), name_of_input);

const std::vector<BadInput> rules{
    {"UnknownClass",
     rule(R"({"class": ["title", "titel"]})"),
     {"/rules/0/when/class/1: rule 'mine': unknown class 'titel'", "did you mean 'title'?", "follow_up"}},
    {"NoClassAtAll", rule(R"({"class": []})"), {"/rules/0/when/class: rule 'mine': the list is empty"}},
    {"NoPathAtAll", rule(R"({"path": []})"), {"the list is empty"}},
    {"NoModelAtAll", rule(R"({"model": []})"), {"the list is empty"}},
    {"NoClientAtAll", rule(R"({"client": []})"), {"the list is empty"}},
    {"NoHeaderAtAll", rule(R"({"header": []})"), {"the list is empty"}},
    {"NoBodyTestAtAll", rule(R"({"body": []})"), {"the list is empty"}},
    {"UnknownTest",
     rule(R"({"klass": "title"})"),
     {"/rules/0/when/klass: rule 'mine': unknown key", "'class'?"}},
    {"EmptyGlob", rule(R"({"model": ""})"), {"/rules/0/when/model: rule 'mine': an empty pattern"}},
    {"GlobAsNumber",
     rule(R"({"path": 5})"),
     {"/when/path: rule 'mine': must be a text in quotes, not number"}},
    {"NoNetwork",
     rule(R"({"client": "10.0.0"})"),
     {"/when/client: rule 'mine': '10.0.0' is no IP network", "192.168.1.0/24"}},
    {"NetworkPastItsAddress",
     rule(R"({"client": ["10.0.0.0/33"]})"),
     {"/when/client/0: rule 'mine': '10.0.0.0/33' has no prefix length from 0 to 32"},
     Schema::cannot_tell},
    {"NetworkWithPort", rule(R"({"client": "10.0.0.1:80"})"), {"is no IP network"}, Schema::cannot_tell},
    {"BodySizeUpsideDown",
     rule(R"({"body_size": {"min": "2KiB", "max": "1KiB"}})"),
     {"'max' is below 'min'"},
     Schema::cannot_tell},
    {"BodySizeOfNothing", rule(R"({"body_size": {}})"), {"neither 'min' nor 'max'"}},
    {"StreamAsText",
     rule(R"({"stream": "yes"})"),
     {"/when/stream: rule 'mine': must be true or false, not string"}},
    {"HeaderWithoutName",
     rule(R"({"header": {"equals": "x"}})"),
     {"/when/header: rule 'mine': 'name' is missing"}},
    {"HeaderWithColon", rule(R"({"header": {"name": "User-Agent:"}})"), {"'User-Agent:' is no header name"}},
    {"HeaderNameEmpty", rule(R"({"header": {"name": ""}})"), {"'' is no header name"}},
    {"HeaderEqualsAndMatches",
     rule(R"({"header": {"name": "A", "equals": "x", "matches": "y"}})"),
     {"both 'equals' and 'matches'"}},
    {"BadExpression",
     rule(R"({"header": {"name": "A", "matches": "(a"}})"),
     {"/when/header/matches: rule 'mine': not a regular expression: missing ): (a", "RE2"},
     Schema::cannot_tell},
    {"BadPointer",
     rule(R"({"body": {"pointer": "options"}})"),
     {"/when/body/pointer: rule 'mine': 'options' is no JSON pointer", "/options/num_ctx"}},
    {"BadPointerEscape", rule(R"({"body": {"pointer": "/a~2"}})"), {"is no JSON pointer"}},
    {"BodyEqualsAndMatches",
     rule(R"({"body": {"pointer": "/a", "equals": 1, "matches": "y"}})"),
     {"both 'equals' and 'matches'"}},
    {"BadExpressionOnBody",
     rule(R"({"body": [{"pointer": "/a", "matches": "*"}]})"),
     {"/when/body/0/matches: rule 'mine': not a regular expression: no argument for repetition operator: *"},
     Schema::cannot_tell},
    {"UnknownUpstreamInRoute",
     top(R"("upstreams": {"task": {"url": "http://a:1"}},
            "rules": [{"name": "mine", "then": {"route": ["taks"]}}])"),
     {"tasklane.json:2:59: /rules/0/then/route/0: rule 'mine': unknown upstream 'taks'",
      "did you mean 'task'?", "known are: original, task"},
     Schema::cannot_tell},
    {"EmptyRoute", rule("{}", R"({"route": []})"), {"/rules/0/then/route: rule 'mine': the list is empty"}},
    {"UnknownAction", rule("{}", R"({"rout": "task"})"), {"unknown key 'rout'", "did you mean 'route'?"}},
    {"PatchAsList", rule("{}", R"({"patch": []})"), {"a patch must be an object (RFC 7396)"}},
    {"RuleWithoutName", top(R"("rules": [{"then": {}}])"), {"/rules/0: 'name' is missing"}},
    {"RuleWithEmptyName", top(R"("rules": [{"name": "", "then": {}}])"), {"a rule needs a name"}},
    {"RuleWithoutThen", top(R"("rules": [{"name": "mine"}])"), {"/rules/0: rule 'mine': 'then' is missing"}},
    {"TwoRulesOfOneName",
     top(R"("rules": [{"name": "mine", "then": {}}, {"name": "mine", "then": {}}])"),
     {"/rules/1: a second rule is named 'mine'"},
     Schema::cannot_tell}};
INSTANTIATE_TEST_SUITE_P(Rules, BadConfig, testing::ValuesIn(rules), name_of_input);

TEST(BadConfigs, AreToldInAFewHundredBytesWhateverIsInThem) {
  const std::string large(100'000, 'x');
  for (const std::string& text :
       {upstream(R"({"url": ")" + large + R"("})"), upstream(R"({")" + large + R"(": 1})"),
        top("\"" + large + "\": 1"), rule(R"({"class": ")" + large + R"("})"), large,
        top(R"("upstreams": {")" + large + R"(": {"url": "http://a:1"}})")}) {
    const auto config = parse_config(text, "tasklane.json");
    ASSERT_FALSE(config.has_value());
    EXPECT_LT(config.error().text().size(), 3000) << config.error().text().substr(0, 500);
  }
}

// Each is written where a url, a name, an address or a word is expected, for people put it everywhere.
TEST(BadConfigs, TellNoPasswordWhereverItStands) {
  for (const std::string secret :
       {"http://me:hunter2@h:99999/v1", "http://me:hun hunter2@h/", "me:hunter2@h", "http:/me:hunter2@h",
        "http://me:hunter2' hunter2@h", "http://me:hunter2%40h/", "http://h/v1?api_key=hunter2",
        "http://h?a='hunter2 hunter2", "h?key=hunter2", "http://me:hunter2\\n@h"}) {
    const std::string value = '"' + secret + '"';
    for (const std::string& text :
         {upstream(R"({"url": )" + value + "}"),
          upstream(R"({"urls": [)" + value + "]}"),
          upstream(R"({"address": )" + value + "}"),
          upstream(R"({"url": "http://a:1", "dialect": )" + value + "}"),
          upstream(R"({"url": "http://a:1", "timeout": )" + value + "}"),
          upstream(R"({"url": "http://a:1", )" + value + ": 1}"),
          top(value + ": 1"),
          top(R"("upstreams": {)" + value + R"(: {"url": 1}})"),
          top(R"("upstreams": {)" + value + R"(: {"url": "http://a:1"}}, "rules": [
                {"name": "mine", "then": {"route": ["other"]}}])"),
          top(R"("listen": [{"address": )" + value + R"(, "to": "http://a:1"}])"),
          top(R"("listen": [{"address": "127.0.0.1:1", "to": )" + value + "}]"),
          top(R"("metrics": {"listen": )" + value + "}"),
          rule(R"({"class": )" + value + "}"),
          rule("{}", R"({"route": [)" + value + "]}"),
          top(R"("rules": [{"name": )" + value + R"(, "then": 1}])"),
          top(R"("a": )" + value + R"(, "a": )" + value + ", " + value + ": 1, " + value + ": 2"),
          top(R"("a": )" + value + " " + value),
          R"({"version": )" + value + "}",
          std::string(R"({"version": "http://me:hunter2)"),
          std::string("{\"version\": \"http://me:hunter2\n@h\"}")}) {
      const auto config = parse_config(text, "tasklane.json");
      ASSERT_FALSE(config.has_value()) << text;
      EXPECT_EQ(config.error().text().find("hunter2"), std::string::npos) << text << "\n"
                                                                          << config.error().text();
    }
  }
}

TEST(BadConfigs, TellAnAddressThatStandsTwiceOnce) {
  const auto config = parse_config(
      upstream(R"({"urls": ["http://a:1", "http://a:1", "http://A:1", "http://a:1"]})"), "tasklane.json");
  ASSERT_FALSE(config.has_value());
  const std::string text = config.error().text();
  EXPECT_EQ(std::string::npos, text.find('\n')) << text;
}

}  // namespace
}  // namespace tasklane
