// What a task makes of upstreams that are down or cost money: which it asks, what it learns of them, and what
// it pays.
#include "unit/living.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

class LivesElsewhere : public Living {
 protected:
  // A prompt's token costs one, one of an answer a hundred.
  LivesElsewhere() {
    helper_.model = "small";
    helper_.service = Service{};
    helper_.service->price = Price{*parse_money("1"), *parse_money("100")};
  }
  Task& arrive_there(RequestId id, const std::string& body = title_body()) {
    return arrive(id, body, {&helper_, &model_});
  }
  [[nodiscard]] UpstreamPage& page() { return book_.upstream({"task"}); }
  [[nodiscard]] std::int64_t paid() { return page().spending.all().picos / 1'000'000; }
  [[nodiscard]] std::int64_t estimated(RequestId id) {
    return static_cast<std::int64_t>(task(id).life->plan().ticket.prompt_tokens);
  }
  void go_down() {
    for (unsigned i = 0; i < Health::failures_to_open; ++i) Health::Attempt(page().health, now_).failed(now_);
    ASSERT_FALSE(page().health->may_try(now_));
  }
  static std::string piece(const std::string& text) {
    return "data: " +
           nlohmann::json{
               {"choices", {{{"index", 0}, {"delta", {{"content", text}}}, {"finish_reason", nullptr}}}}}
               .dump() +
           "\n\n";
  }
};

TEST_F(LivesElsewhere, ATaskThatAChatCancelsHasBeenPaidForSoFar) {
  rule_.then.settings.hold = true;
  helper_.own_compute = false;
  arrive_there(1);
  reach(1);
  EXPECT_EQ(estimated(1), paid()) << "the prompt, once it is sent";
  task(1).life->cancelled();
  told(task(1));
  ASSERT_TRUE(task(1).aborted);
  answer(1, piece("12345678"));
  EXPECT_EQ(estimated(1) + 200, paid()) << "and eight bytes of an answer";
}

TEST_F(LivesElsewhere, ATaskWhoseClientLeavesHasBeenPaidForSoFar) {
  arrive_there(1);
  reach(1);
  leave(1);
  answer(1, piece("1234"));
  EXPECT_EQ(State::gone, state(1));
  EXPECT_EQ(estimated(1) + 100, paid());
}

TEST_F(LivesElsewhere, AnAnswerThatNeverComesCostsItsPrompt) {
  arrive_there(1);
  reach(1);
  answer(1, "", 0);
  EXPECT_EQ(estimated(1), paid());
}

TEST_F(LivesElsewhere, WhatIsRefusedOrNeverReadCostsNothing) {
  arrive_there(1);
  reach(1);
  answer(1, "", 0, true);
  EXPECT_EQ(0, paid()) << "on a connection that had been closed";
  reach(1);
  answer(1, "{}", 429);
  EXPECT_EQ(0, paid());
}

TEST_F(LivesElsewhere, WhatWaitedWhileTheUpstreamWentDownAsksTheNext) {
  chat_comes(chat);
  rule_.then.settings.settle = 1s;
  Task& title = arrive_there(1);
  ASSERT_EQ(State::waiting, state(1));
  go_down();
  pass(1s);
  chat_ends(chat);
  pass(10s);
  ASSERT_EQ("dial", title.on_its_way);
  EXPECT_EQ("model", title.life->upstream().name);
}

TEST_F(LivesElsewhere, WhatWaitedWhileTheBudgetWasSpentAsksTheNext) {
  helper_.service->per_day = Money{5};
  rule_.then.settings.settle = 1s;
  Task& title = arrive_there(1);
  ASSERT_EQ(State::waiting, state(1));
  page().spending.spend(now_, {5});
  pass(1s);
  pass(1s);
  ASSERT_EQ("dial", title.on_its_way);
  EXPECT_EQ("model", title.life->upstream().name);
}

TEST_F(LivesElsewhere, ATrialThatIsStoppedHoldsNobodyUp) {
  go_down();
  pass(Health::first_pause);
  arrive_there(1);
  EXPECT_FALSE(page().health->may_try(now_));
  leave(1);
  EXPECT_FALSE(page().health->may_try(now_)) << "while it is still being dialled";
  reach(1);
  EXPECT_TRUE(page().health->may_try(now_));
}

TEST_F(LivesElsewhere, ATrialWhoseRequestIsAtFaultHoldsNobodyUp) {
  go_down();
  pass(Health::first_pause);
  arrive_there(1);
  reach(1);
  answer(1, "{}", 400);
  EXPECT_FALSE(page().health->may_try(now_)) << "it is asked once more, as it came";
  reach(1);
  answer(1, "{}", 400);
  EXPECT_TRUE(page().health->may_try(now_));
  EXPECT_EQ(Health::State::half_open, page().health->state(now_));
}

TEST_F(LivesElsewhere, ATrialThatIsAnsweredBringsTheUpstreamBack) {
  go_down();
  pass(Health::first_pause);
  arrive_there(1);
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(Health::State::closed, page().health->state(now_));
}

TEST_F(LivesElsewhere, WhatShowsNoSignOfLifeIsNotWaitedForWhereAnotherIsLeft) {
  helper_.service.reset();
  arrive_there(1, title_body("rice", true));
  reach(1);
  EXPECT_EQ(2min, task(1).life->patience(now_).silence);
  EXPECT_EQ(10min, task(1).life->patience(now_).whole);
  answer(1, "", 0);
  ASSERT_EQ("dial", task(1).on_its_way);
  EXPECT_EQ("model", task(1).life->upstream().name);
  EXPECT_FALSE(task(1).life->patience(now_).silence) << "nobody is left behind it";
  EXPECT_FALSE(task(1).life->patience(now_).whole);
}

TEST_F(LivesElsewhere, AnAnswerThatComesInOnePieceIsWaitedForLonger) {
  helper_.service.reset();
  arrive_there(1);
  reach(1);
  EXPECT_EQ(2min, task(1).life->patience(now_).silence) << "its client wants no stream, but is asked for one";
  answer(1, "{}", 400);
  reach(1);
  EXPECT_EQ(5min, task(1).life->patience(now_).silence) << "once more, as it came";
}

TEST_F(LivesElsewhere, WhatAPersonWaitsForIsNotLeftToOneThatHangs) {
  helper_.service.reset();
  rule_.then.settings.lane = Lane::blocking;
  arrive_there(1, title_body("rice", true));
  reach(1);
  EXPECT_EQ(1min, task(1).life->patience(now_).silence);
}

TEST_F(LivesElsewhere, ATimeoutThatIsGivenIsTheOnlyOneAndHoldsForTheLastToo) {
  helper_.timeout = 7s;
  arrive(1, title_body(), {&helper_});
  reach(1);
  EXPECT_EQ(7s, task(1).life->patience(now_).whole);
  EXPECT_FALSE(task(1).life->patience(now_).silence);
}

TEST_F(LivesElsewhere, WhereAllThatAreLeftAreDownItIsWaitedForAsLongAsItTakes) {
  helper_.service.reset();
  Upstream other = helper_;
  other.name = "other";
  arrive(1, title_body(), {&other, &helper_});
  reach(1);
  EXPECT_TRUE(task(1).life->patience(now_).silence);
  go_down();
  EXPECT_FALSE(task(1).life->patience(now_).silence);
}

TEST_F(LivesElsewhere, WhatIsFoundToBeAwayIsLeftForTheNext) {
  arrive_there(1);
  reach(1);
  EXPECT_FALSE(task(1).life->is_left_alone(now_));
  Health::Question(page().health).away(now_ + 1min);
  EXPECT_TRUE(task(1).life->is_left_alone(now_));
  answer(1, "", 0);
  EXPECT_EQ("model", task(1).life->upstream().name);
  arrive(2, title_body("beans"), {&helper_});
  reach(2);
  EXPECT_FALSE(task(2).life->is_left_alone(now_)) << "it has no other";
}

}  // namespace
}  // namespace tasklane
