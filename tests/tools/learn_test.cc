// `tasklane learn`: from requests that no pack knows to an entry that a person can review.
#include "tools/tasklane/learn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shaper/classify/pack.h"
#include "tests/tools/ran.h"

namespace tasklane {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

Ran learn(const std::string& input, LearnOptions options = {}) {
  return run_verb(input, [&](auto& in, auto& out, auto& err) { return run_learn(options, in, out, err); });
}

std::string line(const std::string& prompt, bool stream = false) {
  const Json body{{"model", "m"},
                  {"messages", Json::array({{{"role", "user"}, {"content", prompt}}})},
                  {"stream", stream}};
  return Json{{"path", "/api/chat"}, {"headers", Json::object()}, {"body", body}}.dump() + "\n";
}

// A template that no pack knows, around what a person wrote.
std::string unknown_title(const std::string& secret) {
  return line("Name the talk below, as {\"title\": \"\"}.\nUSER: " + secret +
              "\nASSISTANT: yes\nEND OF TALK");
}

const std::string three = unknown_title("my bees are ill") + unknown_title("rent for a boat") +
                          unknown_title("what is a gasket") + line("hello", true);

TEST(Learn, ProposesAnEntryOfTheWordsThatRequestsShareWhereAskedTo) {
  LearnOptions options;
  options.texts = true;
  const Ran ran = learn(three, options);
  ASSERT_EQ(ran.exit, 1) << ran.err;
  const auto pack = parse_pack(ran.out, "proposal");
  ASSERT_TRUE(pack.has_value()) << pack.error().text();
  ASSERT_EQ((*pack)->entries.size(), 1u);
  EXPECT_EQ((*pack)->entries[0].request_class, RequestClass::title);
  EXPECT_THAT(ran.out, HasSubstr("Name the talk below"));
  EXPECT_THAT(ran.out, HasSubstr("END OF TALK"));
  EXPECT_THAT(ran.err, HasSubstr("matches 0 of 1 chats"));
}

TEST(Learn, ShowsNoWordOfAPromptUnlessAskedTo) {
  const Ran ran = learn(three);
  EXPECT_EQ(ran.exit, 0);
  for (const char* word : {"bees", "boat", "gasket", "Name the talk", "END OF TALK"}) {
    EXPECT_THAT(ran.out, Not(HasSubstr(word)));
    EXPECT_THAT(ran.err, Not(HasSubstr(word)));
  }
  EXPECT_THAT(ran.err, HasSubstr("3 requests, class title, JSON key \"title\""));
  EXPECT_THAT(ran.err, HasSubstr("--texts"));
}

TEST(Learn, NeverShowsWhatPeopleWrote) {
  LearnOptions options;
  options.texts = true;
  const Ran ran = learn(three, options);
  for (const char* word : {"bees", "boat", "gasket"}) EXPECT_THAT(ran.out, Not(HasSubstr(word)));
}

TEST(Learn, ShowsNoWordOfAChatThatAllRequestsQuote) {
  LearnOptions options;
  options.texts = true;
  const Ran ran =
      learn(unknown_title("my bees") + unknown_title("my bees") + unknown_title("my bees"), options);
  EXPECT_EQ(ran.exit, 1) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("Name the talk below"));
  EXPECT_THAT(ran.out, Not(HasSubstr("bees")));
}

TEST(Learn, WaitsForEnoughRequests) {
  const Ran ran = learn(unknown_title("one") + unknown_title("two"), {});
  EXPECT_EQ(ran.exit, 0);
  EXPECT_THAT(ran.err, HasSubstr("fewer than 3"));
  EXPECT_THAT(ran.err, HasSubstr("nothing to propose"));
}

TEST(Learn, LeavesAnEntryThatAChatWouldMatch) {
  LearnOptions options;
  options.texts = true;
  const std::string chat =
      line("Name the talk below, as {\"title\": \"\"}.\nUSER: why?\nASSISTANT: yes\nEND OF TALK", true);
  const Ran ran = learn(three + chat, options);
  EXPECT_EQ(ran.exit, 0);
  EXPECT_THAT(ran.err, HasSubstr("matches 1 of 2 chats: left"));
}

TEST(Learn, SaysWhereInputIsWrong) {
  const Ran ran = learn("{}\n");
  EXPECT_EQ(ran.exit, 2);
  EXPECT_THAT(ran.err, HasSubstr("-:1: \"path\" is missing"));
}

}  // namespace
}  // namespace tasklane
