// What happens to a task from its plan to its answer, whatever comes in between.
#include "unit/living.h"

#include <random>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Event = Life::Event;

class Lives : public Living {
 protected:
  static nlohmann::json parsed(const std::string& body) { return nlohmann::json::parse(body); }
  // The server, as it was seen to.
  void reads_300_tokens_in(Duration time) {
    UpstreamFigures figures;
    figures.cached_tokens = 0;
    figures.computed_tokens = 300;
    figures.prompt_time = time;
    book_.slices({{"model"}, "big"}, Dialect::openai_chat).whole(figures);
  }
};

TEST_F(Lives, ATitleWaitsIsDialledAskedAndAnswered) {
  Task& title = arrive(1, title_body());
  EXPECT_EQ(State::dialling, state(1));
  EXPECT_TRUE(title.sends.empty());
  reach(1);
  EXPECT_EQ(State::asking, state(1));
  EXPECT_EQ(true, parsed(title.sent)["stream"]);
  answer(1, titled("Rice"));
  EXPECT_EQ(State::answered, state(1));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(0u, held());
}

TEST_F(Lives, ATaskThatWasAnsweredWhileItsUpstreamIsBeingDialledIsNotAsked) {
  rule_.then.settings.lane = Lane::keystroke;
  rule_.then.settings.deadline = 1s;
  Task& title = arrive(1, title_body());
  ASSERT_EQ("dial", title.on_its_way);
  pass(1s);
  EXPECT_EQ(State::stopping, state(1));
  reach(1);
  EXPECT_TRUE(title.sends.empty());
  EXPECT_EQ(State::answered, state(1));
  EXPECT_FALSE(title.life->asked());
}

// A slow server, on which reading it alone would take longer than anybody waits.
TEST_F(Lives, ASuggestionThatWouldComeTooLateIsNotAsked) {
  rule_.then.settings.lane = Lane::keystroke;
  rule_.then.settings.slices = true;
  rule_.then.settings.deadline = 3s;
  reads_300_tokens_in(5s);
  arrive(1, title_body(std::string(1200, ' ') + "rice"));
  pass(1s);
  EXPECT_TRUE(task(1).done);
  EXPECT_TRUE(task(1).sends.empty());
  EXPECT_EQ(R"({"title":"rice"})", content(1)) << "the answer without a model";
  EXPECT_EQ(1u, desk_->admission().counters().at(Lane::keystroke).expired);
  arrive(2, title_body("rice"));
  pass(1s);
  for (int asked = 0; asked < 9 && !task(2).done; ++asked) {
    reach(2);
    answer(2, titled("Rice"));
  }
  EXPECT_EQ(R"({"title":"Rice"})", content(2));
  EXPECT_EQ(0u, held());
}

// It had begun to take that one's place in the server's cache.
TEST_F(Lives, BehindASuggestionThatWasCutShortNothingOfTheOneBeforeIsCountedOn) {
  rule_.then.settings.lane = Lane::keystroke;
  rule_.then.settings.slices = true;
  reads_300_tokens_in(1s);
  SliceWorth& worth = book_.slices({{"model"}, "big"}, Dialect::openai_chat);
  const KnownPrefix asked(
      parsed(title_body(std::string(2000, 'b')))["messages"][0]["content"].get<std::string>());
  worth.suggested(asked);
  ASSERT_GT(worth.suggestion(true).shared(asked), 1000u);
  arrive(2, title_body(std::string(2000, 'c')));
  reach(2);
  leave(2);
  EXPECT_EQ(worth.suggestion(true).shared(asked), 0u);
}

// A prompt of a few tokens begins as any does, so it would be given anybody's slot.
TEST_F(Lives, BesideAChatTheFirstPartIsAWholeSliceWhereAServerChoosesAmongSlots) {
  rule_.then.settings.slices = true;
  rule_.then.settings.max_wait = 1s;
  reads_300_tokens_in(1s);
  RequestId id = 0;
  const auto first_part = [&](unsigned slots) {
    desk_->admission().use_slots("model", slots);
    chat_comes(chat);
    arrive(++id, title_body(std::string(4000, 'r')));
    pass(2s);
    reach(id);
    EXPECT_EQ(State::prefilling, state(id));
    leave(id);
    chat_ends(chat);
    return task(id).sent.size();
  };
  EXPECT_GT(first_part(4), first_part(1) + 100);
}

TEST_F(Lives, WhoSharesASuggestionThatWouldComeTooLateIsAnsweredToo) {
  rule_.then.settings.lane = Lane::keystroke;
  rule_.then.settings.slices = true;
  rule_.then.settings.supersede = false;
  rule_.then.settings.while_chat = WhileChat::hold;
  rule_.then.settings.deadline = 9s;
  reads_300_tokens_in(15s);
  chat_comes(chat);
  for (const RequestId id : {1, 2}) arrive(id, title_body(std::string(1200, ' ') + "rice"));
  EXPECT_EQ(State::sharing, state(2));
  chat_ends(chat);
  pass(3s);
  for (const RequestId id : {1, 2}) {
    EXPECT_EQ(R"({"title":"rice"})", content(id)) << "the answer without a model";
    EXPECT_TRUE(task(id).sends.empty());
  }
  EXPECT_EQ(0u, held());
}

TEST_F(Lives, AChatTakesItBackAndItIsAskedAgainUnseen) {
  Task& title = arrive(1, title_body());
  reach(1);
  chat_comes(chat);
  EXPECT_TRUE(title.aborted);
  EXPECT_EQ(State::stopping, state(1));
  answer(1, "");
  EXPECT_EQ(State::waiting, state(1));
  chat_ends(chat);
  pass(2s);
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(2u, title.sends.size());
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
}

TEST_F(Lives, WhatIsStoppedForAChatAndMayGoAgainMeanwhileIsAskedOnceItHasEnded) {
  Task& title = arrive(1, title_body());
  reach(1);
  chat_comes(chat);
  chat_ends(chat);
  pass(2s);
  EXPECT_EQ(State::stopping, state(1)) << "the first request has not ended yet";
  EXPECT_EQ(1u, title.sends.size());
  answer(1, "");
  EXPECT_EQ(State::dialling, state(1));
}

TEST_F(Lives, AChatThatComesWhileItIsDialledTakesItBackUnasked) {
  Task& title = arrive(1, title_body());
  chat_comes(chat);
  reach(1);
  EXPECT_EQ(State::waiting, state(1));
  EXPECT_TRUE(title.sends.empty());
}

TEST_F(Lives, WhoSharesAnAnswerGetsItAndAsksNobody) {
  arrive(1, title_body());
  Task& second = arrive(2, title_body());
  EXPECT_EQ(State::sharing, state(2));
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(2));
  EXPECT_FALSE(second.life->asked());
  EXPECT_EQ(0u, held());
}

TEST_F(Lives, WhoSharedAFailureAsksForItself) {
  arrive(1, title_body());
  arrive(2, title_body());
  reach(1);
  answer(1, R"({"error":"not found"})", 404);
  EXPECT_EQ(R"(404 {"error":"not found"})", content(1));
  EXPECT_EQ("not yet", content(2));
  reach(2);
  answer(2, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(2));
}

TEST_F(Lives, WhereTheOneWhoAskedLeavesTheOthersStillGetTheAnswer) {
  arrive(1, title_body());
  arrive(2, title_body());
  reach(1);
  leave(1);
  EXPECT_FALSE(task(1).aborted);
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(2));
  EXPECT_EQ("nobody to tell", content(1));
}

TEST_F(Lives, AClientThatLeavesEndsItsRequest) {
  Task& title = arrive(1, title_body());
  reach(1);
  leave(1);
  EXPECT_TRUE(title.aborted);
  answer(1, "");
  EXPECT_EQ(State::gone, state(1));
  EXPECT_EQ("nobody to tell", content(1));
  EXPECT_EQ(0u, held());
}

TEST_F(Lives, AServerThatIsDownOrSaysNoHandsOverToTheNext) {
  Task& title = arrive(1, title_body(), {&helper_, &model_});
  reach(1, "refused");
  EXPECT_EQ(State::dialling, state(1));
  EXPECT_EQ("model", title.life->upstream().name);
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(1u, statistics_.row(RequestClass::title, "task").failed_over);
}

TEST_F(Lives, AKeptConnectionThatTurnsOutClosedIsReplaced) {
  Task& title = arrive(1, title_body());
  reach(1);
  answer(1, "", 0, true);
  EXPECT_EQ("dial", title.on_its_way);
  reach(1);
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(1u, statistics_.relay().upstream_reconnects);
}

TEST_F(Lives, AConstrainedTaskThatIsRefusedIsAskedOnceMoreAsItsClientSentIt) {
  rule_.then.settings.constrain = true;
  for (const int status : {400, 422, 500, 501, 503}) {
    const auto id = static_cast<RequestId>(status);
    book_.configuration_read_again();
    Task& title = arrive(id, title_body());
    reach(id);
    EXPECT_TRUE(parsed(title.sent).contains("response_format")) << status;
    answer(id, R"({"detail":"no"})", status);
    reach(id);
    EXPECT_EQ(parsed(title_body()), parsed(title.sent)) << status;
    answer(id, titled("Rice"));
    EXPECT_EQ(R"({"title":"Rice"})", content(id)) << status;
  }
}

TEST_F(Lives, WhatTheServerSaysToTheClientsOwnRequestIsWhatTheClientGets) {
  rule_.then.settings.constrain = true;
  arrive(1, title_body());
  reach(1);
  answer(1, R"({"detail":"response_format"})", 422);
  reach(1);
  answer(1, R"({"error":"out of memory"})", 500);
  EXPECT_EQ(R"(500 {"error":"out of memory"})", content(1));
  Task& next = arrive(2, title_body("pasta"));
  reach(2);
  EXPECT_TRUE(parsed(next.sent).contains("response_format")) << "it was not the schema";
}

TEST_F(Lives, FaultsThatAreNoneOfTheRequestsAreToldAtOnce) {
  rule_.then.settings.constrain = true;
  for (const int status : {401, 403, 404, 408, 429}) {
    const auto id = static_cast<RequestId>(status);
    Task& title = arrive(id, title_body());
    reach(id);
    answer(id, "{}", status);
    EXPECT_TRUE(title.done) << status;
    EXPECT_EQ(1u, title.sends.size()) << status;
  }
}

TEST_F(Lives, WhatAServerPutsUpWithIsLearntFromTaskToTask) {
  rule_.then.settings.constrain = true;
  const auto carried = [&](RequestId id) {
    const nlohmann::json body = parsed(task(id).sends.front());
    return std::string(body.contains("response_format") ? "s" : "") +
           (body.value("max_tokens", 0) == 128 ? "c" : "") + (body.contains("reasoning_effort") ? "t" : "") +
           (body.value("stream", false) ? "!" : "");
  };
  RequestId last = 0;
  for (const std::string expected : {"sct!", "ct!", "!", ""}) {
    const RequestId id = ++last;
    arrive(id, title_body(std::to_string(id)));
    reach(id);
    EXPECT_EQ(expected, carried(id));
    if (!expected.empty()) {
      answer(id, "{}", 400);
      reach(id);
    }
    answer(id, titled("Rice"));
    EXPECT_EQ(R"({"title":"Rice"})", content(id));
  }
  now_ += 61min;
  arrive(++last, title_body("later"));
  reach(last);
  EXPECT_EQ("sct!", carried(last));
}

TEST_F(Lives, AnAnswerThatConstraintsMayHaveCostIsAskedForAgain) {
  rule_.then.settings.constrain = true;
  const auto said = [](const std::string& message, const std::string& reason) {
    return R"({"choices":[{"index":0,"message":)" + message + R"(,"finish_reason":")" + reason + "\"}]}";
  };
  RequestId id = 0;
  for (const std::string& cost :
       {said(R"({"content":""})", "stop"), said(R"({"content":"Rice, I would say"})", "stop"),
        said(R"({"content":"{\"title\":\"Ri"})", "length"), said(R"({"content":"<think>Well"})", "length"),
        said(R"({"content":"","reasoning":"Well"})", "length"),
        said(R"({"content":"","reasoning_content":"Well"})", "stop"),
        std::string(R"({"error":{"message":"no grammar"}})"),
        std::string("data: {\"error\":{\"message\":\"no grammar\",\"code\":400}}\n\n"),
        std::string("event: error\ndata: {\"detail\":\"no\"}\n\n")}) {
    book_.configuration_read_again();
    Task& title = arrive(++id, title_body());
    reach(id);
    answer(id, cost);
    ASSERT_EQ("dial", title.on_its_way) << cost;
    reach(id);
    EXPECT_EQ(parsed(title_body()), parsed(title.sent)) << cost;
    answer(id, titled("Rice"));
    EXPECT_EQ(R"({"title":"Rice"})", content(id)) << cost;
  }
}

TEST_F(Lives, AnAnswerWithThoughtsOrTheFieldsOfASilentErrorIsOne) {
  rule_.then.settings.constrain = true;
  RequestId id = 0;
  const std::string title_text = R"({\"title\":\"Rice\"})";
  for (const std::string& good :
       {R"({"code":0,"message":"","choices":[{"index":0,"message":{"content":")" + title_text +
            R"("},"finish_reason":"stop"}]})",
        R"({"error":"","choices":[{"index":0,"message":{"content":")" + title_text +
            R"("},"finish_reason":"stop"}]})",
        R"({"error":null,"choices":[{"index":0,"message":{"content":")" + title_text +
            R"("},"finish_reason":"length"}]})",
        R"({"choices":[{"index":0,"message":{"content":"","reasoning_content":"So {x}. )" + title_text +
            R"("},"finish_reason":"stop"}]})"}) {
    ++id;
    Task& title = arrive(id, title_body(std::to_string(id)));
    reach(id);
    answer(id, good);
    EXPECT_EQ(1u, title.sends.size()) << good;
    EXPECT_EQ(R"({"title":"Rice"})", content(id)) << good;
  }
  ++id;
  Task& thinking = arrive(id, title_body(std::to_string(id)));
  reach(id);
  answer(id, R"({"choices":[{"index":0,"message":{"content":"<think>{Well}</think>)" + title_text +
                 R"("},"finish_reason":"stop"}]})");
  EXPECT_TRUE(thinking.done) << "the object stands behind the thoughts";
}

TEST_F(Lives, AnErrorInAStreamIsToldInTheServersWords) {
  rule_.then.settings.constrain = true;
  arrive(1, title_body("rice", true));
  for (int asked = 0; asked < 2; ++asked) {
    reach(1);
    answer(1, "data: {\"error\":{\"message\":\"gone\",\"code\":503}}\n\n");
  }
  ASSERT_TRUE(task(1).answer);
  EXPECT_EQ(200, task(1).answer->status);
  EXPECT_EQ("data: {\"error\":{\"message\":\"gone\",\"code\":503}}\n\n", task(1).answer->body);
  arrive(2, title_body("pasta"));
  for (int asked = 0; asked < 2; ++asked) {
    reach(2);
    answer(2, R"({"error":{"message":"gone","code":503}})");
  }
  EXPECT_EQ(R"(503 {"error":{"message":"gone","code":503}})", content(2));
}

TEST_F(Lives, AChatThatComesBetweenTheTwoTriesIsWaitedForAndTheSecondStaysAsTheClientSentIt) {
  rule_.then.settings.constrain = true;
  Task& title = arrive(1, title_body());
  reach(1);
  answer(1, "{}", 400);
  chat_comes(chat);
  reach(1);
  EXPECT_EQ(State::waiting, state(1));
  chat_ends(chat);
  pass(2s);
  reach(1);
  EXPECT_EQ(parsed(title_body()), parsed(title.sent));
}

// The table at the head of life.h, tried: a life in each state is told each event.
class Table : public Lives {
 protected:
  static constexpr std::array all_states{
      State::planned,    State::waiting, State::sharing,  State::due,      State::dialling,
      State::prefilling, State::asking,  State::grafting, State::stopping, State::next_upstream,
      State::answered,   State::failed,  State::gone};
  static constexpr std::array all_events{Event::started,  Event::shared, Event::cancelled,
                                         Event::answered, Event::given,  Event::client_left,
                                         Event::dialled,  Event::replied};

  std::unique_ptr<Life> in(State wanted) {
    rule_.then.settings.slices = wanted == State::prefilling;
    if (wanted == State::grafting) keep_chat("rice", "With water.");
    const std::string text = wanted == State::prefilling ? std::string(20000, 'a') + " b" : "rice";
    const Endpoint endpoint{EndpointKind::generation, Dialect::openai_chat};
    Classification classification;
    classification.request_class = RequestClass::title;
    classification.certainty = Certainty::named;
    classification.tenant = tenant_;
    const Decision decision{&rule_, {&model_, &helper_}};
    const BodyFacts& facts = reader_.read(title_body(text), endpoint.dialect);
    std::optional<TaskPlan> plan = plan_task({1, endpoint, &facts, classification, decision, "c"});
    std::vector<Hop> hops{{&model_, {"model"}, ""}};
    if (wanted == State::next_upstream) hops.push_back({&helper_, {"task"}, ""});
    auto life = std::make_unique<Life>(
        Life::Around{book_, desk_->admission(), answers_, chats_, statistics_, canonical_, bypass_},
        std::move(*plan), std::move(hops));
    if (wanted == State::planned) return life;
    life->next(now_);
    if (wanted == State::waiting) return life;
    if (wanted == State::sharing) life->shared();
    if (wanted == State::gone) life->client_left(false);
    if (wanted == State::answered) life->answered(AnswerKind::empty, "");
    if (life->state() == wanted) return life;
    life->started();
    if (wanted == State::due) return life;
    life->next(now_);
    if (wanted == State::stopping) life->cancelled();
    if (wanted == State::failed || wanted == State::next_upstream) life->dialled("refused", now_);
    if (life->state() == wanted) return life;
    life->dialled({}, now_);
    return life;
  }
  void tell(Life& life, Event event) {
    const Reply reply{true, true, false, 404, "application/json", "{}"};
    switch (event) {
      case Event::started:
        return life.started();
      case Event::shared:
        return life.shared();
      case Event::cancelled:
        return life.cancelled();
      case Event::answered:
        return life.answered(AnswerKind::empty, "");
      case Event::given:
        return life.given(std::make_shared<TaskResult>(TaskResult{Answer{}, {}}), now_);
      case Event::client_left:
        return life.client_left(false);
      case Event::dialled:
        return life.dialled({}, now_);
      case Event::replied:
        return life.replied(reply, AnswerAssembler(Dialect::openai_chat), now_);
    }
  }
};

TEST_F(Table, AnEventThatMayNotComeChangesNothingAndIsCounted) {
  unsigned expected = 0;
  for (const State state : all_states)
    for (const Event event : all_events) {
      const std::unique_ptr<Life> life = in(state);
      ASSERT_EQ(state, life->state()) << to_text(state);
      tell(*life, event);
      EXPECT_EQ(Life::may_come(event, state) ? 0u : 1u, life->unexpected())
          << to_text(event) << " in " << to_text(state);
      if (Life::may_come(event, state))
        ++expected;
      else
        EXPECT_EQ(state, life->state()) << to_text(event) << " in " << to_text(state);
    }
  EXPECT_EQ(3u + 2u + 6u + 8u + 1u + 13u + 2u + 4u, expected) << "as the head of life.h says";
}

// Whatever the schedule: each task ends once, nothing comes that may not come, and who was answered or left
// is not asked.
TEST_F(Lives, HoldWhateverHappensInWhateverOrder) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    const auto one_of = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
    rule_.then.settings.constrain = one_of(2) == 0;
    rule_.then.settings.slices = one_of(2) == 0;
    rule_.then.settings.deadline.reset();
    if (one_of(3) == 0) rule_.then.settings.deadline = 3s;
    start_anew();
    RequestId last = 0;
    std::set<RequestId> chats;
    for (int step = 0; step < 120; ++step) {
      const RequestId any = last == 0 ? 0 : 1 + one_of(static_cast<unsigned>(last));
      switch (one_of(10)) {
        case 0:
          if (last < 12)
            arrive(++last, title_body(std::to_string(one_of(3)) + std::string(one_of(2) * 4000, ' ')),
                   {&helper_, &model_});
          break;
        case 1:
          if (chats.size() < 2) {
            chats.insert(chat + static_cast<RequestId>(step));
            chat_comes(chat + static_cast<RequestId>(step));
          }
          break;
        case 2:
          if (!chats.empty()) chat_ends(*chats.begin()), chats.erase(chats.begin());
          break;
        case 3:
          pass(std::chrono::milliseconds(one_of(4000)));
          break;
        case 4:
          if (any != 0 && !task(any).done && one_of(4) == 0) leave(any);
          break;
        case 5:
          types(2 * chat + static_cast<RequestId>(step));
          break;
        default:
          if (any == 0 || task(any).done) break;
          if (task(any).on_its_way == "dial")
            reach(any, one_of(6) == 0 ? std::optional<std::string>("refused") : std::nullopt);
          else if (task(any).on_its_way == "send")
            answer(any, one_of(3) == 0 ? "{}" : titled("Rice"), one_of(3) == 0 ? 500 : 200, false);
      }
    }
    for (const RequestId id : chats) chat_ends(id);
    for (int round = 0; round < 200; ++round) {
      pass(1s);
      for (auto& [id, each] : tasks_) {
        if (each->on_its_way == "dial") reach(id);
        if (each->on_its_way == "send") answer(id, titled("Rice"));
      }
    }
    for (auto& [id, each] : tasks_) {
      EXPECT_TRUE(each->done) << "seed " << seed << ", task " << id << " is " << to_text(state(id));
      EXPECT_EQ(0u, each->life->unexpected()) << "seed " << seed;
      EXPECT_EQ(each->life->has_client(), each->answer.has_value()) << "seed " << seed;
    }
    EXPECT_EQ(0u, held()) << "seed " << seed;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tasklane
