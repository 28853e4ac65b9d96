// In which lane a request goes, and what may be done to it there: by its evidence, or by a rule for somebody.
#include "shaper/decide/treatment.h"

#include <gtest/gtest.h>

#include <string>

#include "shaper/decide/config.h"

namespace tasklane {
namespace {

constexpr Endpoint ollama_endpoint{EndpointKind::generation, Dialect::ollama_chat};
constexpr Endpoint not_written{EndpointKind::generation, Dialect::anthropic_messages};

Classification classified(Certainty certainty, RequestClass request_class) {
  Classification made;
  made.certainty = certainty;
  made.request_class = request_class;
  return made;
}

class ATreatment : public testing::Test {
 protected:
  // `rule` without its name.
  Treatment treated(const std::string& rule, const Classification& classification,
                    Endpoint endpoint = ollama_endpoint, std::string_view client = "10.0.0.7") {
    const std::string text =
        R"({"version": 1, "intercept": [{"port": 11434}], "upstreams": {"model": {"address": "original"}},
            "packs": ["open-webui"], "rules": [{"name": "r", )" +
        rule + "}]}";
    const auto config = parse_config(text, "test");
    if (!config) {
      ADD_FAILURE() << config.error().text();
      return {};
    }
    const RequestHead head{"POST", "/api/chat", {}};
    const BodyFacts& body = reader_.read(R"({"model": "m", "messages": []})", endpoint.dialect);
    const Decision decision = decide(*config, {head, endpoint, &body, 0, classification, client});
    return treatment_of(decision, classification, endpoint, &body);
  }

 private:
  BodyReader reader_;
};

const std::string background = R"("then": {"lane": "background", "constrain": true, "cache": "30s"})";

TEST_F(ATreatment, OfANamedTaskIsWhatItsRuleSays) {
  const Treatment title = treated(background, classified(Certainty::named, RequestClass::title));
  EXPECT_EQ(title.lane, Lane::background);
  EXPECT_TRUE(title.put_together);
  EXPECT_TRUE(title.settings.constrain);
  EXPECT_TRUE(title.settings.cache.has_value());
}

TEST_F(ATreatment, OfAContractIsNeverSharedOrAnswered) {
  const Treatment title = treated(background, classified(Certainty::contract, RequestClass::title));
  EXPECT_EQ(title.lane, Lane::background);
  EXPECT_TRUE(title.settings.constrain);
  EXPECT_TRUE(title.settings.preempt.has_value());
  EXPECT_FALSE(title.settings.cache.has_value());
  EXPECT_FALSE(title.settings.coalesce);
}

TEST_F(ATreatment, OfALearntShapeIsToWaitAndToPassAsItCame) {
  const Treatment task = treated(background, classified(Certainty::learnt, RequestClass::task));
  EXPECT_EQ(task.lane, Lane::background);
  EXPECT_FALSE(task.put_together);
  EXPECT_FALSE(task.settings.preempt.has_value());
  EXPECT_FALSE(task.settings.constrain);
}

TEST_F(ATreatment, OfAnEchoAloneIsNoneWhateverARuleForTasksSays) {
  for (const RequestClass each : {RequestClass::chat, RequestClass::task, RequestClass::title})
    EXPECT_EQ(treated(background, classified(Certainty::echo, each)).lane, Lane::interactive)
        << to_text(each);
}

TEST_F(ATreatment, OfATaskInADialectThatNobodyPutsTogetherIsToPassAsItCame) {
  const Treatment title = treated(background, classified(Certainty::named, RequestClass::title), not_written);
  EXPECT_EQ(title.lane, Lane::background);
  EXPECT_FALSE(title.put_together);
  EXPECT_TRUE(title.power.may(May::cancel)) << "while no byte has been passed on";
}

TEST_F(ATreatment, ByARuleForAClientHoldsItsChats) {
  const std::string rule = R"("when": {"client": "10.0.0.7/32"}, )" + background;
  const Treatment chat = treated(rule, classified(Certainty::none, RequestClass::chat));
  EXPECT_EQ(chat.lane, Lane::background);
  EXPECT_TRUE(chat.by_rule);
  EXPECT_FALSE(chat.put_together);
  EXPECT_TRUE(chat.power.may(May::wait));
  EXPECT_FALSE(chat.power.may(May::answer));
  EXPECT_FALSE(chat.settings.constrain);
  EXPECT_EQ(treated(rule, classified(Certainty::none, RequestClass::chat), ollama_endpoint, "10.0.0.8").lane,
            Lane::interactive);
}

TEST_F(ATreatment, ByARuleForAClientNeverHoldsCompactionOrAdministration) {
  const std::string rule = R"("when": {"client": "10.0.0.7/32"}, )" + background;
  EXPECT_EQ(treated(rule, classified(Certainty::named, RequestClass::compaction)).lane, Lane::interactive);
  EXPECT_EQ(
      treated(rule, classified(Certainty::none, RequestClass::admin), {EndpointKind::admin, Dialect::none})
          .lane,
      Lane::interactive);
}

TEST_F(ATreatment, ByARuleForTheirClassHoldsChats) {
  EXPECT_EQ(
      treated(R"("when": {"class": "chat"}, )" + background, classified(Certainty::none, RequestClass::chat))
          .lane,
      Lane::background);
  EXPECT_EQ(
      treated(R"("when": {"class": "title"}, )" + background, classified(Certainty::none, RequestClass::chat))
          .lane,
      Lane::interactive);
}

TEST_F(ATreatment, OfAPostThatNobodyKnowsIsNeverToBeAskedTwice) {
  const std::string rule = R"("when": {"client": "10.0.0.7/32"}, )" + background;
  const Treatment post = treated(rule, classified(Certainty::none, RequestClass::chat),
                                 {EndpointKind::unknown_post, Dialect::none});
  EXPECT_EQ(post.lane, Lane::background);
  EXPECT_FALSE(post.power.may(May::cancel));
}

}  // namespace
}  // namespace tasklane
