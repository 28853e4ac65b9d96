// When an upstream is asked whether it is there, and what its answer makes of its health.
#include <gtest/gtest.h>

#include "shaper/decide/asked_after.h"
#include "shaper/server/check_up.h"
#include "shaper/server/health.h"
#include "unit/start.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Kind = CheckAnswer::Kind;
using Word = CheckUp::Word;
using HealthState = Health::State;

constexpr CheckAnswer refused{Kind::refused};
constexpr CheckAnswer silent{Kind::silent};
constexpr CheckAnswer with(int status) { return {Kind::answered, status}; }

class CheckUpTest : public testing::Test {
 protected:
  // As the agent asks: the answer is there at once.
  Word ask(const CheckAnswer& answer, Time at, bool busy = false) {
    EXPECT_TRUE(check_.is_due(at, busy));
    const Health::Question question(health_);
    check_.asked();
    EXPECT_FALSE(check_.is_due(at + 1h)) << "one at a time";
    const Word word = check_.answered(answer, busy, at);
    if (word == Word::there) question.there();
    if (word == Word::ill) question.ill(check_.away_until());
    if (word == Word::away) question.away(check_.away_until());
    return word;
  }
  void fail_requests(Time at) const {
    for (unsigned i = 0; i < Health::failures_to_open; ++i) Health::Attempt(health_, at).failed(at);
  }
  [[nodiscard]] HealthState state(Time at) const { return health_->state(at); }

  CheckUp check_{{"/health", "/api/version", "/v1/models"}};
  std::shared_ptr<Health> health_ = std::make_shared<Health>();
};

TEST_F(CheckUpTest, AsksAtOnceAndThenRarely) {
  EXPECT_EQ(Word::there, ask(with(200), start));
  EXPECT_FALSE(check_.is_due(start + CheckUp::between - 1ms));
  EXPECT_TRUE(check_.is_due(start + CheckUp::between));
  EXPECT_EQ(HealthState::closed, state(start));
}

TEST_F(CheckUpTest, WhereNobodyListensNobodyIsSentFromThereOn) {
  EXPECT_EQ(Word::away, ask(refused, start));
  EXPECT_FALSE(health_->may_try(start)) << "no task has paid for it";
  EXPECT_EQ(1, health_->openings());
}

TEST_F(CheckUpTest, AModelThatIsStillLoadedIsNotThereYet) {
  EXPECT_EQ(Word::ill, ask(with(503), start));
  EXPECT_FALSE(health_->may_try(start));
  EXPECT_EQ(Word::there, ask(with(200), start + 1s));
  EXPECT_EQ(HealthState::closed, state(start + 1s));
}

TEST_F(CheckUpTest, OneThatIsAwayIsAskedSoonerAndIsNotTriedWhileItIsAsked) {
  Time at = start;
  for (const Duration next : {1s, 2s, 4s, 8s, 15s, 15s}) {
    EXPECT_EQ(Word::away, ask(refused, at));
    EXPECT_FALSE(check_.is_due(at + next - 1ms));
    EXPECT_FALSE(health_->may_try(at + next)) << "no task is the one that finds out";
    at += next;
  }
  EXPECT_EQ(Word::there, ask(with(200), at));
  EXPECT_TRUE(health_->may_try(at));
  EXPECT_EQ(1, health_->openings());
}

TEST_F(CheckUpTest, WhereNobodyAsksAnyMoreARequestTriesIt) {
  ask(refused, start);
  EXPECT_TRUE(health_->may_try(check_.away_until()));
}

TEST_F(CheckUpTest, OneSilenceSaysNothingTwoDo) {
  EXPECT_EQ(Word::nothing, ask(silent, start));
  EXPECT_TRUE(health_->may_try(start));
  EXPECT_EQ(Word::away, ask(silent, start + CheckUp::soon));
  EXPECT_FALSE(health_->may_try(start + CheckUp::soon));
}

TEST_F(CheckUpTest, AServerThatAnswersNothingElseWhileItGeneratesIsThere) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Word::nothing, ask(silent, start + i * CheckUp::soon, true));
  EXPECT_TRUE(health_->may_try(start));
}

TEST_F(CheckUpTest, ButNotOneThatIsSilentForLong) {
  int asked = 1;
  while (ask(silent, start + asked * CheckUp::soon, true) == Word::nothing) ASSERT_LT(++asked, 20);
  EXPECT_EQ(CheckUp::silences_while_busy, asked);
  EXPECT_FALSE(health_->may_try(start + asked * CheckUp::soon));
}

TEST_F(CheckUpTest, OneThatWasSeenToAnswerWhileItServesIsFoundOutSoonerWhereItHangs) {
  Time at = start;
  for (unsigned i = 0; i < CheckUp::answers_that_show_it; ++i) {
    EXPECT_EQ(Word::there, ask(with(200), at, true));
    EXPECT_FALSE(check_.is_due(at + CheckUp::between_while_busy)) << "but while it has nothing to do";
    at += CheckUp::between_while_busy;
    EXPECT_TRUE(check_.is_due(at, true));
  }
  for (unsigned i = 1; i < CheckUp::silences_of_an_answering_one; ++i) {
    check_.asked();
    EXPECT_EQ(Word::nothing, check_.answered(silent, true, at));
    at += CheckUp::soon;
  }
  check_.asked();
  EXPECT_EQ(Word::away, check_.answered(silent, true, at));
  EXPECT_LE(at - start, 12s);
}

TEST_F(CheckUpTest, ButNotOneThatIsSilentNowAndThenAndThereAllTheSame) {
  Time at = start;
  for (unsigned i = 0; i < CheckUp::answers_that_show_it; ++i, at += CheckUp::between)
    ask(with(200), at, true);
  ask(silent, at, true);
  ask(with(200), at + CheckUp::soon, true);
  at += CheckUp::soon + CheckUp::between;
  for (unsigned i = 0; i < CheckUp::silences_of_an_answering_one; ++i, at += CheckUp::soon)
    EXPECT_EQ(Word::nothing, ask(silent, at, true));
}

TEST_F(CheckUpTest, WhatIsOnItsWayToOneThatIsFoundToBeAwayIsLeftAlone) {
  const Health::Attempt before(health_, start);
  EXPECT_FALSE(before.is_left_alone());
  ask(refused, start);
  EXPECT_TRUE(before.is_left_alone());
  const Health::Attempt there_all_the_same(health_, start);
  EXPECT_FALSE(there_all_the_same.is_left_alone()) << "nobody else was left when it went";
  ask(with(200), start + 1s);
  EXPECT_FALSE(before.is_left_alone()) << "it is back";
}

TEST_F(CheckUpTest, WhatIsOnItsWayWhileOthersFailStays) {
  const Health::Attempt one(health_, start);
  fail_requests(start);
  ASSERT_FALSE(health_->may_try(start));
  EXPECT_FALSE(one.is_left_alone()) << "it may be answered all the same";
}

TEST_F(CheckUpTest, OneThatSaysThatItIsIllAndServesATaskAllTheSameIsBelievedNoMore) {
  ask(with(503), start);
  const Time pause = check_.away_until();
  EXPECT_FALSE(health_->may_try(start));
  EXPECT_EQ(Word::ill, ask(with(503), start + 1s));
  EXPECT_TRUE(health_->may_try(pause)) << "a task may try it, however often it says so";
  Health::Attempt(health_, pause).worked();
  EXPECT_EQ(Word::ill, ask(with(503), pause));
  EXPECT_TRUE(health_->may_try(pause));
  EXPECT_EQ(Word::away, ask(refused, pause + 15s));
  EXPECT_FALSE(health_->may_try(pause + 15s)) << "but where nobody listens nobody serves";
}

TEST_F(CheckUpTest, WhatItDoesNotHaveIsAskedOnce) {
  EXPECT_EQ("/health", check_.path());
  EXPECT_EQ(Word::nothing, ask(with(404), start));
  EXPECT_EQ("/api/version", check_.path());
  EXPECT_EQ(Word::there, ask(with(200), start));
  EXPECT_EQ("/api/version", check_.path());
  ask(refused, start + CheckUp::between);
  EXPECT_EQ("/health", check_.path()) << "it may come back as another server";
}

TEST_F(CheckUpTest, WhoeverWantsAKeyOrHasNoSuchPathIsThere) {
  ask(refused, start);
  EXPECT_EQ(Word::there, ask(with(401), start + 1s));
  EXPECT_EQ(HealthState::closed, state(start + 1s));
  ask(refused, start + 1s + CheckUp::between);
  const Time later = start + 3s + CheckUp::between;
  EXPECT_EQ(Word::nothing, ask(with(404), later));
  EXPECT_EQ(Word::nothing, ask(with(500), later)) << "falls over what it does not know";
  EXPECT_EQ(Word::there, ask(with(405), later));
}

TEST_F(CheckUpTest, AnEndedQuestionSaysNothingAndIsAskedAgain) {
  check_.asked();
  check_.stopped(start);
  EXPECT_FALSE(check_.is_due(start));
  EXPECT_TRUE(check_.is_due(start + CheckUp::soon));
}

TEST_F(CheckUpTest, AServerThatIsThereAndFailsWhatItIsAskedStaysDown) {
  fail_requests(start);
  ASSERT_EQ(Word::there, ask(with(200), start));
  EXPECT_FALSE(health_->may_try(start)) << "else each task would find out anew";
}

TEST_F(CheckUpTest, WhatCouldNotBeReachedIsBackAsSoonAsItAnswers) {
  for (unsigned i = 0; i < Health::failures_to_open; ++i) Health::Attempt(health_, start).unreached(start);
  ASSERT_FALSE(health_->may_try(start));
  ask(with(200), start);
  EXPECT_EQ(HealthState::closed, state(start));
}

TEST_F(CheckUpTest, WhatFailedAndThenWentAwayIsBackAsSoonAsItAnswers) {
  fail_requests(start);
  ask(refused, start);
  ask(with(200), start + 1s);
  EXPECT_EQ(HealthState::closed, state(start + 1s));
}

TEST_F(CheckUpTest, APauseThatWasAskedForIsKeptWhateverIsAnswered) {
  Health::Attempt(health_, start).failed(start, 30s);
  ask(refused, start);
  ask(with(200), start + 1s);
  EXPECT_FALSE(health_->may_try(start + 29s));
  EXPECT_TRUE(health_->may_try(start + 30s));
}

TEST_F(CheckUpTest, AnAnswerToWhatWasAskedBeforeItWentDownOrCameBackSaysNothing) {
  const Health::Question before(health_);
  for (unsigned i = 0; i < Health::failures_to_open; ++i) Health::Attempt(health_, start).unreached(start);
  before.there();
  EXPECT_EQ(HealthState::open, state(start));
  const Health::Question down(health_);
  Health::Attempt(health_, start).worked();
  down.away(start + 1h);
  EXPECT_EQ(HealthState::closed, state(start));
}

TEST_F(CheckUpTest, ARequestUnderWayIsCountedUntilItHasHadItsWord) {
  {
    Health::Attempt one(health_, start);
    Health::Attempt two = std::move(one);
    EXPECT_EQ(1, health_->under_way());
    two.worked();
    EXPECT_EQ(0, health_->under_way());
  }
  EXPECT_EQ(0, health_->under_way());
}

TEST(AskedAfter, AreOnesOwnUpstreamsThatARuleNames) {
  const Result<Config> config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {
           "model": {"address": "original"},
           "small": {"address": "original", "model": "s"},
           "task": {"url": "http://127.0.0.1:2"},
           "unused": {"url": "http://127.0.0.1:3"},
           "lan": {"url": "http://10.0.0.9:4000/v1", "dialect": "openai", "model": "m"},
           "sold": {"url": "http://127.0.0.1:4/v1", "dialect": "openai", "model": "m",
                    "price": {"input": "1", "output": "1"}},
           "hosted": {"url": "https://api.example.com/v1", "model": "m"}},
         "rules": [{"name": "r", "when": {"class": "title"}, "then": {"lane": "background",
                    "route": ["small", "task", "lan", "sold", "hosted", "model"]}}]})",
      "test");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  std::vector<std::string> names;
  for (const Upstream* each : asked_after(*config)) names.push_back(each->name);
  EXPECT_EQ((std::vector<std::string>{"lan", "task"}), names);
  EXPECT_EQ((std::vector<std::string>{"/v1/models"}), check_paths(config->upstreams.find("lan")->second));
  EXPECT_EQ("/api/version", check_paths(config->upstreams.find("task")->second).front());
}

}  // namespace
}  // namespace tasklane
