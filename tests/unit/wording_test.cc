// Whose words a task's prompt has: a shipped template's, whose numbers are known, or somebody's own.
#include "shaper/classify/wording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"
#include "shaper/task/plan.h"
#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;
using testing::HasSubstr;

const std::string shipped_words = "### Task:\nTwo tags at most.\n### Output:\n{ \"tags\": [\"a\"] }\n";
const std::string own_words = "### Task:\nFifteen tags.\n### Output:\n{ \"tags\": [\"a\"] }\n";
const std::string conversation = "<chat_history>\nUSER: Where do swifts sleep?\n</chat_history>";

TEST(AWording, IsOfEachWordButNotOfDatesNorOfASwitchForThinking) {
  const std::uint64_t print = wording_of("### Task:\nToday is 2026-11-27.");
  EXPECT_EQ(print, wording_of("\n### Task:\nToday is 2031-01-02.\n\n"));
  EXPECT_EQ(print, wording_of("/no_think ### Task:\nToday is 2026-11-27."));
  EXPECT_NE(print, wording_of("### Task:\nToday is 2026-11-27. Three tags."));
  EXPECT_NE(wording_of("one to 3 tags"), wording_of("one to 8 tags"));
}

TEST(AWording, IsWrittenInSixteenDigits) {
  EXPECT_EQ(wording_from("00000000000000ff"), std::uint64_t{255});
  EXPECT_EQ(to_digits(255), "00000000000000ff");
  for (const char* wrong : {"", "ff", "00000000000000fg", "000000000000000ff", "0x000000000000ff"})
    EXPECT_FALSE(wording_from(wrong).has_value()) << wrong;
}

// A front end that ships `shipped_words`.
class InAFrame : public testing::Test {
 protected:
  Classification classified(const std::string& prompt, std::vector<HeaderField> headers = {}) {
    const RequestHead head{"POST", "/api/chat", std::move(headers)};
    const std::string body = task_body(prompt).dump();
    facts_ = &reader_.read(body, endpoint_.dialect);
    return classifier_.classify({1, head, endpoint_, facts_, "10.0.0.1", Time{}, true});
  }
  TaskPlan planned(const std::string& prompt, std::vector<HeaderField> headers = {}) {
    const Classification seen = classified(prompt, std::move(headers));
    return plan_task({1, endpoint_, facts_, seen, {&rule_, {&model_}}, "10.0.0.1"}).value();
  }
  void SetUp() override {
    rule_.then.laned = true;
    rule_.then.settings.constrain = true;
    model_.original = true;
  }

 private:
  static std::shared_ptr<const Pack> pack() {
    return parse_pack(R"({"format": 1, "pack": "p", "version": "1", "history": {"opens": ["<chat_history>"]},
      "headers": {"task": [{"name": "X-Task", "values": {"tags": "tags"}}]},
      "entries": [{"name": "tags", "class": "tags", "shipped": [")" +
                          to_digits(wording_of(shipped_words)) + R"("],
        "marks": [{"where": "instructions", "asks": "tags"}]}]})",
                      "p")
        .value();
  }
  static constexpr Endpoint endpoint_{EndpointKind::generation, Dialect::ollama_chat};
  Classifier classifier_{{pack()}};
  BodyReader reader_;
  const BodyFacts* facts_ = nullptr;
  Rule rule_;
  Upstream model_;
};

TEST_F(InAFrame, AShippedTemplateHasTheBoundsAndTheCapOfItsClass) {
  const TaskPlan plan = planned(shipped_words + conversation);
  EXPECT_EQ(plan.bounds, SchemaBounds::of_shipped_template);
  EXPECT_TRUE(plan.allowed.cap);
  EXPECT_TRUE(plan.allowed.no_thinking);
}

TEST_F(InAFrame, APersonsOwnTemplateGetsTypesAloneAndThinkingOff) {
  const TaskPlan plan = planned(own_words + conversation);
  EXPECT_EQ(plan.bounds, SchemaBounds::none);
  EXPECT_TRUE(plan.allowed.schema);
  EXPECT_FALSE(plan.allowed.cap);
  EXPECT_TRUE(plan.allowed.no_thinking);
}

TEST_F(InAFrame, AHeaderSaysWhatItIsAndNotInWhoseWords) {
  EXPECT_EQ(planned(own_words + conversation, {{"X-Task", "tags"}}).bounds, SchemaBounds::none);
  EXPECT_EQ(planned(shipped_words + conversation, {{"X-Task", "tags"}}).bounds,
            SchemaBounds::of_shipped_template);
}

TEST_F(InAFrame, ThePrintOfAWordingThatNobodyShipsIsTold) {
  const Classification seen = classified(own_words + conversation);
  EXPECT_FALSE(seen.worded_as_shipped);
  EXPECT_THAT(seen.reasons, testing::Contains(HasSubstr(to_digits(wording_of(own_words)))));
}

}  // namespace
}  // namespace tasklane
