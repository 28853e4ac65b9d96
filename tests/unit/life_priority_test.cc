// Tasks on a server that can be told to let chats go first: what they carry, what is learnt of it, and when
// they need not wait.
#include "unit/living.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

constexpr int bad_request = 400;

class LivesWithPriorities : public Living {
 protected:
  LivesWithPriorities() {
    model_.engine = Engine::vllm;
    desk_->admission().use_slots("model", 8);
  }
  [[nodiscard]] nlohmann::json sent(RequestId id) { return nlohmann::json::parse(task(id).sent); }
  [[nodiscard]] PrioritySeen& seen() { return book_.priority({"model"}); }
  static std::string refusal() {
    return R"({"error":{"message":"Got priority 2 but Priority scheduling is not enabled.","code":400}})";
  }
};

TEST_F(LivesWithPriorities, ATaskIsToGoBehindWhatSaysNothing) {
  arrive(1, title_body());
  reach(1);
  EXPECT_GT(sent(1)["priority"], 0) << "a lower one is handled earlier, and a chat has 0";
  answer(1, titled("Rice"));
  EXPECT_TRUE(seen().worth_trying(now_));
}

TEST_F(LivesWithPriorities, AServerThatRefusesItIsAskedTheSameWithoutItUnseen) {
  rule_.then.settings.constrain = true;
  arrive(1, title_body());
  reach(1);
  nlohmann::json first = sent(1);
  answer(1, refusal(), bad_request);
  reach(1);
  first.erase("priority");
  EXPECT_EQ(first, sent(1)) << "and all else as it was";
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(0U, statistics_.relay().constraint_refused) << "no other change is blamed";
  arrive(2, title_body("beans"));
  reach(2);
  EXPECT_FALSE(sent(2).contains("priority")) << "it is remembered";
  answer(2, titled("Beans"));
  pass(61min);
  arrive(3, title_body("peas"));
  reach(3);
  EXPECT_TRUE(sent(3).contains("priority")) << "but not for ever";
}

TEST_F(LivesWithPriorities, ARequestThatIsAtFaultItselfTellsNothingOfThem) {
  arrive(1, title_body());
  for (int i = 0; i < 3; ++i) {  // with it, without it, as it came
    reach(1);
    answer(1, R"({"error":{"message":"no such model"}})", bad_request);
  }
  EXPECT_EQ(State::failed, state(1));
  EXPECT_TRUE(seen().worth_trying(now_));
}

// vLLM answers one with a priority also where it was not started to heed any.
TEST_F(LivesWithPriorities, AServerThatAnswersOneNeedNotHeedItSoTheNextIsHeldForAChatAsEver) {
  arrive(1, title_body());
  reach(1);
  answer(1, titled("Rice"));
  chat_comes(chat);
  arrive(2, title_body("beans"));
  EXPECT_EQ(State::waiting, state(2));
}

TEST_F(LivesWithPriorities, ARefusalWithinAnAnswerIsOneToo) {
  arrive(1, title_body());
  reach(1);
  answer(1, refusal());
  reach(1);
  EXPECT_FALSE(sent(1).contains("priority"));
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_FALSE(seen().worth_trying(now_));
}

TEST_F(LivesWithPriorities, WhatAPersonWaitsForGoesWithTheChats) {
  rule_.then.settings.lane = Lane::blocking;
  arrive(1, title_body());
  reach(1);
  EXPECT_FALSE(sent(1).contains("priority"));
}

TEST_F(LivesWithPriorities, WhatItsClientOrARuleSaysStays) {
  rule_.then.patch = nlohmann::json{{"priority", -3}};
  arrive(1, title_body());
  reach(1);
  EXPECT_EQ(-3, sent(1)["priority"]);
  answer(1, titled("Rice"));
}

TEST_F(LivesWithPriorities, SGLangGetsNoneForItPutsChatsBehindAllThatHaveOne) {
  model_.engine = Engine::sglang;
  arrive(1, title_body());
  reach(1);
  EXPECT_FALSE(sent(1).contains("priority"));
}

class LivesBesideChats : public LivesWithPriorities {
 protected:
  LivesBesideChats() { model_.priority_scheduling = true; }
};

TEST_F(LivesBesideChats, ATaskGoesWhileAChatRunsAndIsNotCancelledForOne) {
  chat_comes(chat);
  arrive(1, title_body());
  reach(1);
  EXPECT_GT(sent(1)["priority"], 0);
  chat_comes(chat + 1);
  EXPECT_FALSE(task(1).aborted);
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
}

TEST_F(LivesBesideChats, NoMoreOfThemThanTheServerHasSlots) {
  desk_->admission().use_slots("model", 2);
  chat_comes(chat);
  arrive(1, title_body());
  arrive(2, title_body("beans"));
  EXPECT_EQ(State::dialling, state(1));
  EXPECT_EQ(State::waiting, state(2));
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(State::dialling, state(2));
}

TEST_F(LivesBesideChats, AServerThatRefusesOneHasItsTasksHeldAtOnce) {
  chat_comes(chat);
  arrive(1, title_body());
  reach(1);
  answer(1, refusal(), bad_request);
  EXPECT_EQ(State::waiting, state(1)) << "not even once more beside the chat";
  arrive(2, title_body("beans"));
  EXPECT_EQ(State::waiting, state(2));
  chat_ends(chat);
  pass(10s);
  ASSERT_EQ(State::dialling, state(1));
  reach(1);
  EXPECT_FALSE(sent(1).contains("priority"));
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(1U, statistics_.relay().priority_refused);
  EXPECT_FALSE(seen().worth_trying(now_ + 50min));
  chat_comes(chat + 1);
  arrive(3, title_body("peas"));
  EXPECT_EQ(State::waiting, state(3));
}

TEST_F(LivesBesideChats, ARequestThatIsAtFaultItselfHoldsTheOthersNoLongerThanItTakes) {
  arrive(1, title_body());
  for (int i = 0; i < 3; ++i) {
    if (state(1) == State::waiting) pass(10s);
    reach(1);
    answer(1, R"({"error":{"message":"no such model"}})", bad_request);
  }
  EXPECT_EQ(State::failed, state(1));
  EXPECT_TRUE(seen().worth_trying(now_));
  EXPECT_EQ(0U, statistics_.relay().priority_refused);
}

TEST_F(LivesBesideChats, WhoSharesAnAnswerThatWasRefusedAsksForItselfAndIsHeld) {
  chat_comes(chat);
  arrive(1, title_body());
  arrive(2, title_body());
  ASSERT_EQ(State::sharing, state(2));
  reach(1);
  answer(1, refusal(), bad_request);
  EXPECT_EQ(State::waiting, state(1));
  EXPECT_EQ(State::waiting, state(2));
  chat_ends(chat);
  for (int turn = 0; turn < 2; ++turn) {
    pass(10s);
    const RequestId id = state(1) == State::dialling ? 1 : 2;
    reach(id);
    answer(id, titled("Rice"));
  }
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(R"({"title":"Rice"})", content(2));
}

TEST_F(LivesBesideChats, WhereAnotherServerOnItsMachineAnswersChatsATaskWaitsForThose) {
  beside_ = "big";
  Ticket ticket;
  ticket.id = chat;
  ticket.upstream = "big";
  desk_->chat_begins(std::move(ticket), now_);
  arrive(1, title_body());
  EXPECT_EQ(State::waiting, state(1)) << "that one knows nothing of its priority";
}

TEST_F(LivesBesideChats, WhatItsClientRanksItselfIsHeld) {
  rule_.then.patch = nlohmann::json{{"priority", -3}};
  chat_comes(chat);
  arrive(1, title_body());
  EXPECT_EQ(State::waiting, state(1));
}

TEST_F(LivesBesideChats, WithoutPrioritiesWhileTasklaneIsBypassedItIsHeldByNobodyAnyhow) {
  bypass_ = true;
  arrive(1, title_body());
  reach(1);
  EXPECT_FALSE(sent(1).contains("priority"));
}

// Started with --enable-priority-scheduling --default-priority-value 0: higher values first.
TEST_F(LivesBesideChats, SGLangThatGivesChatsAValueIsToldThatATaskIsWorthLess) {
  model_.engine = Engine::sglang;
  chat_comes(chat);
  arrive(1, title_body());
  reach(1);
  EXPECT_LT(sent(1)["priority"], 0);
  answer(1, R"({"object":"error","message":"Using priority is disabled for this server."})", 503);
  EXPECT_EQ(State::waiting, state(1));
}

}  // namespace
}  // namespace tasklane
