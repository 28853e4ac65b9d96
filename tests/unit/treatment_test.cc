// What may be done with a request in the end: its lane, and the settings that hold for it there.
#include "shaper/decide/treatment.h"

#include <gtest/gtest.h>

#include <string>

namespace tasklane {
namespace {

using namespace std::chrono_literals;

class Treating : public testing::Test {
 protected:
  // One rule for everything with this `then`.
  void then(const std::string& says) {
    auto parsed = parse_config(R"({"version": 1, "intercept": [{"port": 1}],
        "rules": [{"name": "mine", "then": )" +
                                   says + "}]}",
                               "test");
    ASSERT_TRUE(parsed.has_value()) << parsed.error().text();
    config_ = *parsed;
  }
  Treatment of(RequestClass request_class, const std::string& body = R"({"model": "m", "messages": []})",
               const std::string& path = "/api/chat") {
    Classification classification;
    classification.request_class = request_class;
    classification.certainty = Certainty::named;
    const RequestHead head{"POST", path, {}};
    const Endpoint endpoint = endpoint_of(head.method, head.target);
    const BodyFacts* facts = body.empty() ? nullptr : &reader_.read(body, endpoint.dialect);
    const Decision decision =
        decide(config_, {head, endpoint, facts, body.size(), classification, "10.0.0.1"});
    return treatment_of(decision, classification, endpoint, facts);
  }

 private:
  Config config_;
  BodyReader reader_;
};

TEST_F(Treating, ATaskTakesItsClassesLaneOrThatOfItsRule) {
  then(R"({"quiet": "2s"})");
  EXPECT_EQ(of(RequestClass::title).lane, Lane::background);
  EXPECT_EQ(of(RequestClass::query).lane, Lane::blocking);
  EXPECT_EQ(of(RequestClass::autocomplete).lane, Lane::keystroke);
  EXPECT_EQ(of(RequestClass::title).settings.quiet, 2s);
  then(R"({"lane": "blocking"})");
  EXPECT_EQ(of(RequestClass::title).lane, Lane::blocking);
  then(R"({"lane": "interactive"})");
  EXPECT_FALSE(of(RequestClass::title).waits());
}

TEST_F(Treating, WhatAPersonReadsGoesAtOnceWhateverARuleSays) {
  then(R"({"lane": "background", "answer": true})");
  for (const RequestClass each : all_request_classes)
    EXPECT_EQ(of(each).waits(), is_task(each)) << to_text(each);
  EXPECT_EQ(of(RequestClass::chat).at_once_because, "") << "no rule is overruled";
}

TEST_F(Treating, ARuleThatSaysNothingOfLanesLeavesATaskAtOnce) {
  then(R"({"patch": {"a": 1}})");
  EXPECT_FALSE(of(RequestClass::title).waits());
  EXPECT_EQ(of(RequestClass::title).at_once_because, "");
}

TEST_F(Treating, WhatCannotBeReadGoesAtOnceAndSaysWhy) {
  then(R"({"lane": "background"})");
  for (const char* body : {"", "{no json", "[]"}) {
    const Treatment treatment = of(RequestClass::title, body);
    EXPECT_FALSE(treatment.waits()) << body;
    EXPECT_EQ(treatment.at_once_because, "its body cannot be read");
  }
}

TEST_F(Treating, SeveralAnswersAtOnceAreNotPutTogetherHere) {
  then(R"({"lane": "background"})");
  for (const char* wish : {R"("n": 2)", R"("best_of": 3)", R"("logprobs": true)"}) {
    const Treatment treatment =
        of(RequestClass::title, std::string(R"({"stream": false, )") + wish + "}", "/v1/chat/completions");
    EXPECT_FALSE(treatment.waits()) << wish;
    EXPECT_NE(treatment.at_once_because, "") << wish;
  }
  EXPECT_TRUE(of(RequestClass::title, R"({"stream": false, "n": 1})", "/v1/chat/completions").waits());
}

TEST_F(Treating, WhatIsTooLargeToBePutTogetherWaitsAndPassesAsItIs) {
  then(R"({"lane": "background"})");
  const auto prompt = [](std::size_t size) {
    return R"({"messages": [{"role": "user", "content": ")" + std::string(size, 'x') + R"("}]})";
  };
  EXPECT_TRUE(of(RequestClass::title, prompt(1000)).put_together);
  const Treatment large = of(RequestClass::title, prompt(2U << 20));
  EXPECT_TRUE(large.waits());
  EXPECT_FALSE(large.put_together);
}

TEST_F(Treating, WhatGeneratesNothingGoesAtOnce) {
  then(R"({"lane": "background"})");
  EXPECT_EQ(of(RequestClass::title, "{}", "/api/show").at_once_because, "nothing is generated there");
}

TEST_F(Treating, AKeystrokeIsNoLongerWaitedForThanAPersonWould) {
  then(R"({"hold": true})");
  EXPECT_EQ(of(RequestClass::autocomplete).settings.deadline, 3s);
  EXPECT_EQ(of(RequestClass::title).settings.deadline, std::nullopt);
  then(R"({"deadline": "1s"})");
  EXPECT_EQ(of(RequestClass::autocomplete).settings.deadline, 1s);
}

TEST_F(Treating, WhatAPersonWaitsForIsAskedWhole) {
  then(R"({"slices": true})");
  EXPECT_FALSE(of(RequestClass::query).settings.slices);
  EXPECT_TRUE(of(RequestClass::title).settings.slices);
}

TEST_F(Treating, NothingIsAnsweredInAModelsPlaceWhereNothingEmptyIsAnAnswer) {
  const std::string all = R"({"lane": "keystroke", "answer": true, "deadline": "1s", "share": "5%",
      "while_chat": "answer", "rate": {"limit": "1/s", "over": "answer"}})";
  then(all);
  const Treatment title = of(RequestClass::title);
  EXPECT_TRUE(title.may_be_answered);
  EXPECT_TRUE(title.settings.answer);
  EXPECT_EQ(title.settings.rate->over, OverRate::answer);

  const Treatment unknown = of(RequestClass::task);
  EXPECT_EQ(unknown.lane, Lane::keystroke);
  EXPECT_FALSE(unknown.may_be_answered);
  EXPECT_FALSE(unknown.settings.answer);
  EXPECT_EQ(unknown.settings.deadline, std::nullopt) << "not even the keystroke's own";
  EXPECT_EQ(unknown.settings.share, std::nullopt);
  EXPECT_EQ(unknown.settings.while_chat, WhileChat::hold);
  EXPECT_FALSE(unknown.settings.supersede);
  EXPECT_FALSE(unknown.settings.type_ahead);
  EXPECT_EQ(unknown.settings.rate->over, OverRate::reject);
}

}  // namespace
}  // namespace tasklane
