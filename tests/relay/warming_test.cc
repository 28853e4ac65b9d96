// Requests of Tasklane's own, whose only use is what they leave in the model server's prompt cache.
#include <sstream>

#include "relay/kept_chat_fixture.h"

namespace tasklane {
namespace {

// Without the time that a chat's prompt took nothing is asked for its sake.
const Json prompt_time{{"prompt_eval_count", 30}, {"prompt_eval_duration", 1'000'000}};

class RewarmingOnTheWire : public WithAKeptChat {
 protected:
  void SetUp() override { start_keeping("rewarm"); }
  // A chat, answered, and a title behind it.
  Peer after_a_chat_and_a_title() {
    Peer server = chat_is_answered("With water.", prompt_time);
    tasks_->send(title());
    receive_request(server);
    stream_answer(server, R"({"title": "Rice"})");
    receive_answer(*tasks_);
    return model.accept();
  }
};

TEST_F(RewarmingOnTheWire, TheChatsPromptAndAnswerAreAskedAgainBehindATask) {
  Peer again = after_a_chat_and_a_title();
  const Json asked = receive_request(again);
  ASSERT_EQ(2u, asked["messages"].size()) << asked;
  EXPECT_EQ("How do I cook rice?", asked["messages"][0]["content"]);
  EXPECT_EQ("With water.", asked["messages"][1]["content"]);
  EXPECT_EQ(1, asked["options"]["num_predict"]);
  EXPECT_EQ("big", asked["model"]);
  stream_answer(again, ".");
  EXPECT_TRUE(
      eventually([&] { return in_relay([&] { return admission().rewarm_counters().finished; }) == 1u; }));
  EXPECT_FALSE(model.called_within(milliseconds(50))) << "once is enough";
}

TEST_F(RewarmingOnTheWire, AChatThatCameInChunksIsAskedAgainWhole) {
  const std::string body = chat.substr(chat.find("\r\n\r\n") + 4);
  const std::size_t half = body.size() / 2;
  std::string chunked = "POST /api/chat HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& part : {body.substr(0, half), body.substr(half)}) {
    std::ostringstream size;
    size << std::hex << part.size();
    chunked += size.str() + "\r\n" + part + "\r\n";
  }
  chunked += "0\r\n\r\n";
  person_->send(chunked);
  Peer server = model.accept();
  EXPECT_EQ(chunked, server.receive(chunked.size()));
  stream_answer(server, "With water.", "big", prompt_time);
  person_->until("0\r\n\r\n");
  tasks_->send(title());
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(*tasks_);
  Peer again = model.accept();
  const Json asked = receive_request(again);
  ASSERT_EQ(2u, asked["messages"].size()) << asked;
  EXPECT_EQ("How do I cook rice?", asked["messages"][0]["content"]);
  EXPECT_EQ("With water.", asked["messages"][1]["content"]);
}

TEST_F(RewarmingOnTheWire, TheVeryChatsNextTurnDoesNotCancelIt) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  person_->send(chat);
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]) << "the chat itself never waits";
  stream_answer(again, ".");
  EXPECT_TRUE(
      eventually([&] { return in_relay([&] { return admission().rewarm_counters().finished; }) == 1u; }));
}

TEST_F(RewarmingOnTheWire, WhereItIsAnsweredAtOnceThreeTimesItIsKnownThatThePromptIsNotLost) {
  Peer behind_the_turn = after_a_chat_and_a_title();
  receive_request(behind_the_turn);
  stream_answer(behind_the_turn, ".");
  std::uint64_t again = 0;
  for (int i = 0; i < 20; ++i) {  // on a busy machine some look slow
    ASSERT_TRUE(eventually(
        [&] { return in_relay([&] { return admission().rewarm_counters().finished; }) == again + 1; }));
    tasks_->send(title("more " + std::to_string(i)));
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, R"({"title": "Rice"})");
    receive_answer(*tasks_);
    if (!model.called_within(milliseconds(300))) break;
    Peer rewarm = model.accept();
    EXPECT_EQ(1, receive_request(rewarm)["options"]["num_predict"]);
    stream_answer(rewarm, ".");
    ++again;
  }
  EXPECT_GE(again, 3u);
  EXPECT_LT(again, 20u);
}

// Ollama's figures of a chat all of whose prompt was computed, in so many seconds.
std::string computed_in(int seconds) {
  return answer(Json{{"model", "big"},
                     {"message", {{"role", "assistant"}, {"content", "With water."}}},
                     {"done", true},
                     {"done_reason", "stop"},
                     {"prompt_eval_count", 900},
                     {"prompt_eval_duration", seconds * 1'000'000'000LL}}
                    .dump());
}

TEST_F(RewarmingOnTheWire, WhereTheNextTurnsComputeAllTheSameItIsSoonLeftOut) {
  const auto turn = [&] {
    person_->send(chat);
    Peer server = model.accept();
    receive_request(server);
    server.send(computed_in(3));
    EXPECT_EQ(computed_in(3), person_->receive(computed_in(3).size()));
  };
  turn();
  for (std::uint64_t again = 1; again <= 3; ++again) {
    tasks_->send(title("title " + std::to_string(again)));
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, R"({"title": "Rice"})");
    receive_answer(*tasks_);
    server.close();
    Peer rewarm = model.accept();
    EXPECT_EQ(1, receive_request(rewarm)["options"]["num_predict"]);
    std::this_thread::sleep_for(milliseconds(1050));
    stream_answer(rewarm, ".");
    ASSERT_TRUE(eventually(
        [&] { return in_relay([&] { return admission().rewarm_counters().finished; }) == again; }));
    turn();
  }
  tasks_->send(title("one more"));
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(*tasks_);
  EXPECT_FALSE(model.called_within(milliseconds(100)));
}

TEST_F(RewarmingOnTheWire, ItGivesWayToAnotherChat) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  person_->send(asked_of_model(long_question, true));
  EXPECT_TRUE(again.sees_close());
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]);
}

TEST_F(RewarmingOnTheWire, WhereTasklaneIsBypassedItEndsAtOnce) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  bypass(true);
  EXPECT_TRUE(again.sees_close());
}

TEST_F(RewarmingOnTheWire, WithoutOtherWorkInBetweenNothingIsAskedAgain) {
  Peer server = chat_is_answered("With water.", prompt_time);
  EXPECT_FALSE(model.called_within(milliseconds(100)));
}

TEST_F(RewarmingOnTheWire, AChatsPromptIsForgottenAfterTenMinutes) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  EXPECT_EQ(1u, prompts_kept_after(std::chrono::minutes(9)));
  EXPECT_EQ(0u, prompts_kept_after(std::chrono::minutes(10)));
}

TEST_F(RewarmingOnTheWire, NothingIsAskedOfAServerThatDoesNotTellHowLongItsPromptsTake) {
  Peer server = chat_is_answered();
  tasks_->send(title());
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(*tasks_);
  EXPECT_FALSE(model.called_within(milliseconds(100)));
  EXPECT_EQ(0u, prompts_kept_after({}));
}

TEST_F(RewarmingOnTheWire, NothingIsAskedOfAModelThatSomebodyUnloads) {
  Peer server = chat_is_answered("With water.", prompt_time);
  tasks_->send(title());
  receive_request(server);
  person_->send(post("/models/unload", R"({"model":"big"})"));
  Peer unloading = model.accept();
  receive_request(unloading);
  unloading.send(answer("{}"));
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(*tasks_);
  EXPECT_FALSE(model.called_within(milliseconds(100)));
}

class PrewarmingOnTheWire : public LanesOnTheWire {
 protected:
  void answer_a_chat() {
    start(R"(, "upstreams": {"model": {"address": "original", "prewarm": true}})");
    answer_a_chat_with("You are kind.");
  }
  void start_with_slots(int slots) {
    prewarm_pause = {};
    start(R"(, "upstreams": {"model": {"address": "original", "prewarm": true, "slots": )" +
          std::to_string(slots) + "}}");
  }
  void answer_a_chat_with(const std::string& system_prompt, const std::string& of_model = "big") {
    Peer person = client();
    const Json body{{"model", of_model},
                    {"messages",
                     {{{"role", "system"}, {"content", system_prompt}},
                      {{"role", "user"}, {"content", "How do I cook rice?"}}}},
                    {"stream", true}};
    person.send(post("/api/chat", body.dump()));
    if (!server_) server_.emplace(model.accept());
    receive_request(*server_);
    stream_answer(*server_, "With water.", "big", prompt_time);
    person.until("0\r\n\r\n");
  }
  void open_page() {
    Peer page = client();
    page.send("GET /api/tags HTTP/1.1\r\nHost: m\r\n\r\n");
    server_->until("\r\n\r\n");
    server_->send(answer("{}"));
    EXPECT_EQ(answer("{}"), page.receive(answer("{}").size()));
  }
  // The system prompt that is asked next, and answered.
  std::string asked_ahead() {
    Peer ahead = model.accept();
    const Json asked = receive_request(ahead);
    stream_answer(ahead, ".");
    return asked["messages"][0].value("content", "");
  }
  std::optional<Peer> server_;
};

TEST_F(PrewarmingOnTheWire, AsManySystemPromptsAsSlotsAreAskedTheNewestLast) {
  start_with_slots(2);
  for (const char* prompt : {"You are kind.", "You are brief.", "You are strict.", "You are brief."})
    answer_a_chat_with(prompt);
  open_page();
  EXPECT_EQ("You are strict.", asked_ahead());
  EXPECT_EQ("You are brief.", asked_ahead());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(PrewarmingOnTheWire, AServerWithOneSlotIsAskedForTheNewestAlone) {
  start_with_slots(1);
  for (const char* prompt : {"You are kind.", "You are brief."}) answer_a_chat_with(prompt);
  open_page();
  EXPECT_EQ("You are brief.", asked_ahead());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(PrewarmingOnTheWire, NoOtherModelIsLoadedInThePlaceOfTheNewestOne) {
  start_with_slots(4);
  answer_a_chat_with("You are kind.", "small");
  answer_a_chat_with("You are brief.");
  open_page();
  EXPECT_EQ("You are brief.", asked_ahead());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(PrewarmingOnTheWire, APersonWhoIsFasterEndsAllOfThem) {
  start_with_slots(2);
  for (const char* prompt : {"You are kind.", "You are brief."}) answer_a_chat_with(prompt);
  open_page();
  Peer ahead = model.accept();
  receive_request(ahead);
  answer_a_chat_with("You are brief.");
  EXPECT_TRUE(ahead.sees_close());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(PrewarmingOnTheWire, WhatChatsHaveInCommonIsForgottenAfterADay) {
  start_with_slots(2);
  for (const char* prompt : {"You are kind.", "You are brief."}) answer_a_chat_with(prompt);
  EXPECT_EQ(2u, prompts_kept_after(std::chrono::hours(23)));
  EXPECT_EQ(0u, prompts_kept_after(std::chrono::hours(24)));
}

TEST_F(PrewarmingOnTheWire, ItIsForgottenOnceItIsNoLongerWanted) {
  start_with_slots(2);
  answer_a_chat_with("You are kind.");
  reload("");
  EXPECT_EQ(0u, prompts_kept_after({}));
}

TEST_F(PrewarmingOnTheWire, APageThatIsOpenedAfterAPauseHasTheSystemPromptAsked) {
  prewarm_pause = {};
  answer_a_chat();
  open_page();
  Peer ahead = model.accept();
  const Json asked = receive_request(ahead);
  ASSERT_EQ(2u, asked["messages"].size()) << asked;
  EXPECT_EQ("You are kind.", asked["messages"][0]["content"]);
  EXPECT_NE("How do I cook rice?", asked["messages"][1]["content"]);
  EXPECT_EQ(1, asked["options"]["num_predict"]);
  stream_answer(ahead, ".");
  EXPECT_FALSE(model.called_within(milliseconds(50))) << "once is enough";
}

TEST_F(PrewarmingOnTheWire, APersonWhoIsFasterDoesNotWaitForIt) {
  prewarm_pause = {};
  answer_a_chat();
  open_page();
  Peer ahead = model.accept();
  receive_request(ahead);
  Peer person = client();
  person.send(chat);
  EXPECT_TRUE(ahead.sees_close());
}

TEST_F(PrewarmingOnTheWire, APageThatIsOpenedSoonerIsOnlyAnswered) {
  answer_a_chat();
  open_page();
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

}  // namespace
}  // namespace tasklane
