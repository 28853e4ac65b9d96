// Which rule decides a request, and what each test of a rule means.
#include "shaper/decide/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tasklane {
namespace {

using testing::ElementsAre;

// A request as the relay hands it over, and the configuration that judges it.
class Deciding : public testing::Test {
 protected:
  void rules(const std::string& list) {
    auto parsed = parse_config(R"({"version": 1, "intercept": [{"port": 11434}],
        "upstreams": {"model": {"address": "original"},
                      "task": {"url": "http://127.0.0.1:11435", "model": "small"},
                      "spare": {"url": "http://127.0.0.1:11436"}},
        "rules": )" + list + "}",
                               "test");
    ASSERT_TRUE(parsed.has_value()) << parsed.error().text();
    config_ = *parsed;
  }
  // One rule with these tests.
  void when(const std::string& tests) {
    rules(R"([{"name": "mine", "when": )" + tests + R"(, "then": {"route": ["task", "model"]}}])");
  }

  Decision decide_it() {
    classification_.request_class = request_class_;
    const Endpoint endpoint = endpoint_of(head_.method, head_.target);
    const BodyFacts* facts = body_ ? &reader_.read(*body_, endpoint.dialect) : nullptr;
    const std::uint64_t size = body_ ? body_->size() : unread_body_size_;
    return decide(config_, {head_, endpoint, facts, size, classification_, client_});
  }
  std::string rule() {
    const Decision decision = decide_it();
    return decision.rule == nullptr ? "none" : decision.rule->name;
  }
  std::vector<std::string> route() {
    std::vector<std::string> names;
    for (const Upstream* upstream : decide_it().route) names.push_back(upstream->name);
    return names;
  }
  bool matches() { return rule() == "mine"; }
  bool reads_body() { return needs_body(config_, head_, endpoint_of(head_.method, head_.target), client_); }

  Config config_;
  RequestHead head_{"POST", "/api/chat", {{"Host", "localhost"}}};
  RequestClass request_class_ = RequestClass::title;
  std::optional<std::string> body_ = R"({"model": "llama3:8b", "stream": false, "messages": []})";
  std::uint64_t unread_body_size_ = 0;
  std::string client_ = "192.168.1.7";

 private:
  BodyReader reader_;
  Classification classification_;
};

TEST_F(Deciding, TheFirstRuleThatMatchesDecides) {
  rules(R"([{"name": "tags", "when": {"class": "tags"}, "then": {"route": "spare"}},
            {"name": "titles", "when": {"class": ["emoji", "title"]}, "then": {"route": ["task", "spare"]}},
            {"name": "all", "then": {}}])");
  EXPECT_EQ(rule(), "titles");
  EXPECT_THAT(route(), ElementsAre("task", "spare"));
  request_class_ = RequestClass::tags;
  EXPECT_EQ(rule(), "tags");
  EXPECT_THAT(route(), ElementsAre("spare"));
  request_class_ = RequestClass::chat;
  EXPECT_EQ(rule(), "all");
}

TEST_F(Deciding, WithNoRuleThatMatchesARequestGoesToTheOriginalUntouched) {
  when(R"({"class": "tags"})");
  EXPECT_TRUE(decide_it().untouched());
  EXPECT_THAT(route(), ElementsAre("model"));
}

TEST_F(Deciding, ARuleWithoutARouteGoesToTheOriginal) {
  rules(R"([{"name": "mine", "then": {"patch": {"think": false}}}])");
  EXPECT_FALSE(decide_it().untouched());
  EXPECT_THAT(route(), ElementsAre("model"));
}

TEST_F(Deciding, TheOriginalIsTheOneThatReplacesNoModel) {
  const auto parsed = parse_config(R"({"version": 1, "intercept": [{"port": 1}],
      "upstreams": {"a": {"address": "original", "model": "x"}, "z": {"address": "original"}}})",
                                   "test");
  ASSERT_TRUE(parsed.has_value());
  config_ = *parsed;
  EXPECT_THAT(route(), ElementsAre("z"));
}

TEST_F(Deciding, CompactionIsLeftAloneWhateverARuleSays) {
  rules(R"([{"name": "named", "when": {"class": "compaction"}, "then": {"route": "task"}},
            {"name": "all", "then": {"route": "task", "patch": {"options": {"num_predict": 8}}}}])");
  request_class_ = RequestClass::compaction;
  EXPECT_TRUE(decide_it().untouched());
  EXPECT_THAT(route(), ElementsAre("model"));
}

TEST_F(Deciding, AllTestsOfARuleMustHold) {
  when(R"({"class": "title", "path": "/api/*", "client": "192.168.0.0/16"})");
  EXPECT_TRUE(matches());
  client_ = "10.0.0.1";
  EXPECT_FALSE(matches());
  client_ = "192.168.1.7";
  head_.target = "/v1/chat/completions";
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, APathIsHeldAgainstAGlobWithoutItsQuery) {
  when(R"({"path": ["/api/ch?t", "/v1/*"]})");
  EXPECT_TRUE(matches());
  head_.target = "/api/chat?x=/v2";
  EXPECT_TRUE(matches());
  head_.target = "http://host:1/api/chat";
  EXPECT_TRUE(matches());
  head_.target = "/api/chat/more";
  EXPECT_FALSE(matches());
  head_.target = "/v1/chat/completions";
  EXPECT_TRUE(matches());
  head_.target = "/v1";
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, AGlobsSignsMeanOnlyThemselvesButForStarAndQuestionMark) {
  when(R"({"model": "a.b+[c]*"})");
  body_ = R"({"model": "a.b+[c]:latest"})";
  EXPECT_TRUE(matches());
  body_ = R"({"model": "axbb[c]"})";
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, AQuestionMarkIsOneCharacterAlsoWhereThatIsSeveralBytes) {
  when(R"({"model": "m?del"})");
  body_ = R"({"model": "mödel"})";
  EXPECT_TRUE(matches());
  body_ = R"({"model": "m模del"})";
  EXPECT_TRUE(matches());
  body_ = R"({"model": "mdel"})";
  EXPECT_FALSE(matches());
  body_ = R"({"model": "mööl"})";
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, AClientIsKnownInEachWayToWriteItsAddress) {
  when(R"({"client": ["10.1.0.0/16", "fd00::/8"]})");
  client_ = "10.1.2.3";
  EXPECT_TRUE(matches());
  client_ = "::ffff:10.1.2.3";
  EXPECT_TRUE(matches());
  client_ = "fd12:3456::1";
  EXPECT_TRUE(matches());
  client_ = "fe80::1";
  EXPECT_FALSE(matches());
  client_ = "10.2.0.1";
  EXPECT_FALSE(matches());
  client_ = "";
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, ABodySizeIsBoundedOnBothSidesAndTheBoundsBelongToIt) {
  when(R"({"body_size": {"min": 10, "max": "1KiB"}})");
  body_ = R"({"a": 12})"
          "  ";
  ASSERT_EQ(body_->size(), 11u);
  EXPECT_TRUE(matches());
  body_->pop_back();
  EXPECT_TRUE(matches());
  body_->pop_back();
  EXPECT_FALSE(matches());
  body_->append(1024 - body_->size(), ' ');
  EXPECT_TRUE(matches());
  body_->push_back(' ');
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, ABodySizeIsKnownOfABodyThatWasNotRead) {
  when(R"({"body_size": {"min": "1MiB"}})");
  body_.reset();
  unread_body_size_ = 2u << 20;
  EXPECT_TRUE(matches());
  unread_body_size_ = 5;
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, StreamMeansWhatTheServerWouldDo) {
  when(R"({"stream": true})");
  EXPECT_FALSE(matches());
  body_ = R"({"model": "m"})";  // Ollama streams where nothing is said
  EXPECT_TRUE(matches());
  head_.target = "/v1/chat/completions";  // OpenAI's dialect does not
  EXPECT_FALSE(matches());
  body_ = R"({"stream": true})";
  EXPECT_TRUE(matches());
}

TEST_F(Deciding, AHeaderIsFoundInAnyCaseAndAnyOfItsLines) {
  when(R"({"header": {"name": "X-Team", "equals": "red"}})");
  EXPECT_FALSE(matches());
  head_.fields.push_back({"x-team", "blue"});
  EXPECT_FALSE(matches());
  head_.fields.push_back({"X-TEAM", "red"});
  EXPECT_TRUE(matches());
}

TEST_F(Deciding, AHeadersValueIsComparedWholeOrSearched) {
  head_.fields.push_back({"User-Agent", "Python/3.12 aiohttp/3.9"});
  when(R"({"header": {"name": "User-Agent", "equals": "Python"}})");
  EXPECT_FALSE(matches());
  when(R"({"header": {"name": "User-Agent", "matches": "aiohttp/[0-9]"}})");
  EXPECT_TRUE(matches());
  when(R"({"header": {"name": "User-Agent", "matches": "^aiohttp"}})");
  EXPECT_FALSE(matches());
  when(R"({"header": {"name": "User-Agent"}})");
  EXPECT_TRUE(matches());
  when(R"({"header": [{"name": "User-Agent"}, {"name": "X-Absent"}]})");
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, APointerFindsAValueOfAnyType) {
  body_ = R"({"options": {"num_ctx": 4096, "a/b": [true, "x"]}, "think": null})";
  when(R"({"body": {"pointer": "/options/num_ctx", "equals": 4096}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/options/num_ctx", "equals": "4096"}})");
  EXPECT_FALSE(matches());
  when(R"({"body": {"pointer": "/options/a~1b/1", "equals": "x"}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/options/a~1b", "equals": [true, "x"]}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/think", "equals": null}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/think"}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/absent", "equals": null}})");
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, APointerSearchesTexts) {
  body_ = R"({"messages": [{"content": "### Task:\nname it"}], "n": 5})";
  when(R"({"body": [{"pointer": "/messages/0/content", "matches": "^### Task"}, {"pointer": "/n"}]})");
  EXPECT_TRUE(matches());
  when(R"({"body": [{"pointer": "/messages/0/content", "matches": "^### Task"}, {"pointer": "/m"}]})");
  EXPECT_FALSE(matches());
  when(R"({"body": {"pointer": "/n", "matches": "5"}})");
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, APointerFindsOfAKeyThatStandsTwiceTheLast) {
  body_ = R"({"a": 1, "a": {"b": 2, "b": 3}})";
  when(R"({"body": {"pointer": "/a/b", "equals": 3}})");
  EXPECT_TRUE(matches());
  when(R"({"body": {"pointer": "/a/b", "equals": 2}})");
  EXPECT_FALSE(matches());
}

TEST_F(Deciding, APointerLooksIntoABodyWithATextCutWithinACharacter) {
  body_ = R"({"prompt": "cut \ud83d", "a": 1})";
  when(R"({"body": [{"pointer": "/a", "equals": 1}, {"pointer": "/prompt", "matches": "^cut .$"}]})");
  EXPECT_TRUE(matches());
}

TEST_F(Deciding, ThePointerToTheWholeBodyFindsIt) {
  body_ = R"({"a": [1, 2.5, "x", null]})";
  when(R"({"body": {"pointer": "", "equals": {"a": [1, 2.5, "x", null]}}})");
  EXPECT_TRUE(matches());
}

TEST_F(Deciding, APointerThatLeadsNowhereIsNoError) {
  body_ = R"({"messages": ["a"]})";
  for (const char* pointer : {"/messages/1", "/messages/01", "/messages/-", "/messages/x",
                              "/messages/0/deeper", "/messages/99999999999999999999999"}) {
    when(R"({"body": {"pointer": ")" + std::string(pointer) + "\"}}");
    EXPECT_FALSE(matches()) << pointer;
  }
}

TEST_F(Deciding, ATestOnABodyThatWasNotReadOrIsNoJsonDoesNotHold) {
  for (const char* tests : {R"({"model": "*"})", R"({"stream": false})", R"({"stream": true})",
                            R"({"body": {"pointer": "/a"}})", R"({"body": {"pointer": ""}})"}) {
    when(tests);
    body_.reset();
    EXPECT_FALSE(matches()) << tests;
    body_ = "no JSON";
    EXPECT_FALSE(matches()) << tests;
  }
}

TEST_F(Deciding, ABodyIsAskedForWhereARuleLooksIntoItOrChangesIt) {
  head_ = {"POST", "/api/embed", {}};
  for (const char* tests : {R"({"model": "nomic*"})", R"({"stream": true})", R"({"body": {"pointer": "/a"}})",
                            R"({"body_size": {"min": 1}})", R"({"body_size": {"max": 1}})"}) {
    rules(R"([{"name": "mine", "when": )" + std::string(tests) + R"(, "then": {"route": "spare"}}])");
    EXPECT_TRUE(reads_body()) << tests;
  }
  when(R"({"class": "embedding"})");  // its first upstream replaces the model
  EXPECT_TRUE(reads_body());
  rules(R"([{"name": "mine", "then": {"route": "spare", "patch": {"keep_alive": -1}}}])");
  EXPECT_TRUE(reads_body());
  rules(R"([{"name": "mine", "then": {"route": "spare"}}])");
  EXPECT_FALSE(reads_body());
}

TEST_F(Deciding, ABodyIsNotAskedForWhereTheHeadDecides) {
  head_ = {"POST", "/api/pull", {}};
  rules("[]");
  EXPECT_FALSE(reads_body());
  when(R"({"class": "title", "model": "*"})");
  EXPECT_FALSE(reads_body());
  when(R"({"path": "/v1/*", "model": "*"})");
  EXPECT_FALSE(reads_body());
  when(R"({"client": "10.0.0.0/8", "stream": true})");
  EXPECT_FALSE(reads_body());
  rules(R"([{"name": "first", "when": {"class": "admin"}, "then": {"route": "spare"}},
            {"name": "second", "when": {"model": "*"}, "then": {"route": "task"}}])");
  EXPECT_FALSE(reads_body());
}

}  // namespace
}  // namespace tasklane
