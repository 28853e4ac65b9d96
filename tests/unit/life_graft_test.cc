// Tasks that are asked on top of the chat that they quote, and what becomes of them where that does not
// serve.
#include "unit/living.h"

#include <nlohmann/json.hpp>
#include <random>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class Grafts : public Living {
 protected:
  Grafts() {
    keep_chat("rice", "With water.");
    rule_.then.settings.constrain = true;
  }

  static bool grafted(const std::string& body) { return Json::parse(body)["messages"].size() == 3; }
  std::uint64_t refused() { return statistics_.relay().graft_refused; }
  // As a server tells it that has found so many tokens of the prompt in its cache.
  static std::string titled(const std::string& title, int cached = 5000, int computed = 40) {
    Json answer = Json::parse(Living::titled(title));
    answer["timings"] = {{"cache_n", cached}, {"prompt_n", computed}, {"prompt_ms", computed * 3.0}};
    return answer.dump();
  }
  static std::string long_title() {
    Json json = Json::parse(title_body());
    std::string& prompt = json["messages"][0]["content"].get_ref<std::string&>();
    for (int i = 0; i < 300; ++i) prompt = "Word for word. " + prompt;
    return json.dump();
  }
  // One more of its kind, answered so.
  std::string title(RequestId id, const std::string& bytes) {
    arrive(id, title_body());
    reach(id);
    answer(id, bytes);
    return task(id).sent;
  }
};

TEST_F(Grafts, ATitleIsAskedAsTheNextMessageOfItsChat) {
  Task& title = arrive(1, title_body());
  reach(1);
  EXPECT_EQ(State::grafting, state(1));
  const Json sent = Json::parse(title.sent);
  EXPECT_EQ(sent["messages"][0], Json({{"role", "user"}, {"content", "rice"}}));
  EXPECT_EQ(sent["messages"][1], Json({{"role", "assistant"}, {"content", "With water."}}));
  EXPECT_EQ(sent["messages"][2]["content"],
            "Title as JSON {\"title\": \"\"}\n(the conversation above this message)");
  EXPECT_EQ(sent["tools"], Json({1}));
  EXPECT_EQ(true, sent["stream"]);
  EXPECT_TRUE(sent.contains("response_format"));
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(1u, statistics_.relay().grafted);
  EXPECT_EQ(0u, held());
}

TEST_F(Grafts, ATitleThatCameBeforeItsChatIsGraftedBehindItsAnswer) {
  chats_.forget({"model"});
  rule_.then.settings.settle = 400ms;
  Task& title = arrive(1, title_body("a question that is long enough to tell"));
  chat_comes(chat);
  pass(5s);
  keep_chat("a question that is long enough to tell", "An answer.");
  chat_ends(chat);
  pass(2s);
  reach(1);
  EXPECT_TRUE(grafted(title.sent));
}

TEST_F(Grafts, WhatIsNoTitleIsAskedAsItCameAtOnceAndUnseen) {
  const std::string call =
      R"({"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]})";
  RequestId id = 0;
  for (const std::string& wrong : {std::string(R"({"choices":[{"message":{"content":"Rice!"}}]})"), call,
                                   std::string(R"({"choices":[{"message":{"content":""}}]})")}) {
    Task& title = arrive(++id, title_body());
    reach(id);
    answer(id, wrong);
    EXPECT_EQ(State::dialling, state(id)) << "no wait in the lane";
    reach(id);
    EXPECT_FALSE(grafted(title.sent));
    answer(id, titled("Rice"));
    EXPECT_EQ(R"({"title":"Rice"})", content(id));
    EXPECT_EQ(id, refused());
  }
}

TEST_F(Grafts, AServerThatRefusesItGetsTheTaskAsItCame) {
  RequestId id = 0;
  for (const int status : {400, 413, 500, 503}) {
    Task& title = arrive(++id, title_body());
    reach(id);
    answer(id, R"({"error":{"message":"too long"}})", status);
    reach(id);
    EXPECT_FALSE(grafted(title.sent)) << status;
    answer(id, titled("Rice"));
    EXPECT_EQ(R"({"title":"Rice"})", content(id));
    book_ = Book();
  }
}

TEST_F(Grafts, AConnectionThatBreaksOffIsAskedAgainAsItCame) {
  Task& title = arrive(1, title_body());
  reach(1);
  answer(1, "");
  reach(1);
  EXPECT_FALSE(grafted(title.sent));
}

TEST_F(Grafts, AChatTakesItBackAndItIsGraftedAgain) {
  Task& title = arrive(1, title_body());
  reach(1);
  chat_comes(chat);
  EXPECT_TRUE(title.aborted);
  answer(1, "");
  chat_ends(chat);
  pass(2s);
  reach(1);
  EXPECT_TRUE(grafted(title.sent));
  answer(1, titled("Rice"));
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(0u, refused());
}

TEST_F(Grafts, NoneGoesToAServerOfSeveralSlotsWhereAChatThatComesWouldBePutIntoAnother) {
  desk_->admission().use_slots("model", 4);
  EXPECT_FALSE(grafted(title(1, titled("x"))));
}

TEST_F(Grafts, NoneGoesToAnotherTenantAnotherModelOrByAWeakerCertainty) {
  tenant_ = Tenant(8);
  EXPECT_FALSE(grafted(title(1, titled("x"))));
  tenant_ = Tenant();
  EXPECT_FALSE(grafted(title(2, titled("x"))));
  tenant_ = Tenant(7);
  certainty_ = Certainty::contract;
  EXPECT_TRUE(grafted(title(3, titled("x"))));
  certainty_ = Certainty::named;
  model_.model = "small";
  EXPECT_FALSE(grafted(title(4, titled("x"))));
  model_.model.reset();
  bypass_ = true;
  EXPECT_FALSE(grafted(title(5, titled("x"))));
  bypass_ = false;
  model_.graft = false;
  EXPECT_FALSE(grafted(title(6, titled("x"))));
}

TEST_F(Grafts, NoneIsOfAChatThatIsTooOldOrThatItDoesNotSurelyQuote) {
  pass(4s);
  EXPECT_FALSE(grafted(title(1, titled("x")))) << "'rice' may be any chat's";
  keep_chat("a question that is long enough to tell", "An answer.");
  pass(9min);
  arrive(2, title_body("a question that is long enough to tell"));
  reach(2);
  EXPECT_TRUE(grafted(task(2).sent));
  answer(2, titled("x"));
  pass(2min);
  arrive(3, title_body("a question that is long enough to tell"));
  reach(3);
  EXPECT_FALSE(grafted(task(3).sent));
}

TEST_F(Grafts, ReplacesTheRewarmAndLeavesItWhereTheTaskWasPlain) {
  unsigned rewarms = 0;
  desk_->rewarm_with([&](const Rewarm& wish) {
    ++rewarms;
    desk_->finished(wish.id, nullptr, now_);
  });
  chat_comes(chat);
  desk_->admission().can_rewarm("model", Conversation(std::vector<std::uint64_t>{1}), now_ + 10min);
  chat_ends(chat);
  pass(2s);
  title(1, titled("Rice"));
  pass(2s);
  EXPECT_EQ(0u, rewarms);
  tenant_ = Tenant(8);
  title(2, titled("Rice"));
  pass(2s);
  EXPECT_EQ(1u, rewarms);
}

TEST_F(Grafts, WhereTheServerFindsNothingTheyAreAskedAsTheyCome) {
  for (RequestId id = 1; id <= 3; ++id) EXPECT_TRUE(grafted(title(id, titled("x", 0, 5040))));
  EXPECT_FALSE(grafted(title(4, titled("x", 0, 5040))));
}

TEST_F(Grafts, WhateverFiguresAServerGivesTheTaskIsAnswered) {
  std::mt19937_64 random(1);
  const auto any = [&]() -> Json {
    switch (random() % 6) {
      case 0:
        return nullptr;
      case 1:
        return -static_cast<int>(random() % 100);
      case 2:
        return "lots";
      case 3:
        return 1e300;
      case 4:
        return random();
      default:
        return random() % 10000;
    }
  };
  for (RequestId id = 1; id <= 300; ++id) {
    Json answer = Json::parse(Living::titled("Rice"));
    answer["timings"] = {{"cache_n", any()}, {"prompt_n", any()}, {"prompt_ms", any()}};
    answer["usage"] = {{"prompt_tokens", any()}, {"prompt_tokens_details", {{"cached_tokens", any()}}}};
    rule_.then.settings.slices = random() % 2 == 0;
    keep_chat("rice", "With water.");
    arrive(id, title_body());
    for (int asked = 0; asked < 300 && !task(id).done; ++asked) {
      reach(id);
      this->answer(id, answer.dump());
    }
    EXPECT_EQ(R"({"title":"Rice"})", content(id)) << answer;
  }
  EXPECT_EQ(0u, refused());
}

TEST_F(Grafts, ItsInstructionsComeInSlicesAndTheChatWithTheFirst) {
  rule_.then.settings.slices = true;
  Task& title = arrive(1, long_title());
  std::size_t told = 5000;
  for (int asked = 0; asked < 100 && !title.done; ++asked) {
    reach(1);
    EXPECT_TRUE(grafted(title.sent));
    if (state(1) == State::prefilling) told += 64;
    answer(1, titled("Rice", static_cast<int>(told) - 64, 64));
  }
  EXPECT_GT(title.sends.size(), 3u);
  EXPECT_LT(title.sends.size(), 30u);
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
}

TEST_F(Grafts, WhileSomebodyTypesTheNextSliceWaits) {
  rule_.then.settings.slices = true;
  Task& title = arrive(1, long_title());
  reach(1);
  answer(1, titled("Rice", 4936, 64));
  reach(1);
  ASSERT_EQ(State::prefilling, state(1));
  types(2);
  EXPECT_EQ("send", title.on_its_way) << "the server would compute it to its end all the same";
  answer(1, titled("Rice", 5000, 64));
  EXPECT_EQ(State::waiting, state(1));
  EXPECT_EQ("", title.on_its_way);
  const std::size_t before = title.sends.size();
  chat_comes(chat);
  pass(1s);
  chat_ends(chat);
  pass(30s);
  for (int asked = 0; asked < 100 && !title.done; ++asked) {
    reach(1);
    answer(1, titled("Rice"));
  }
  EXPECT_GT(title.sends.size(), before);
  EXPECT_EQ(R"({"title":"Rice"})", content(1));
  EXPECT_EQ(0u, held());
}

// Behind each of its slices, the last one too.
TEST_F(Grafts, WhileSomebodyTypesTheRestOfItWaitsToo) {
  rule_.then.settings.slices = true;
  std::size_t tried = 0;
  for (RequestId id = 1; id < 100; ++id) {
    keep_chat("rice", "With water.");
    arrive(id, long_title());
    for (RequestId before = 1; before < id; ++before) {
      reach(id);
      answer(id, titled("Rice", 5000, 64));
    }
    reach(id);
    if (state(id) != State::prefilling) break;
    ++tried;
    types(1000 + id);
    answer(id, titled("Rice", 5000, 64));
    EXPECT_EQ(State::waiting, state(id)) << "behind slice " << id;
    leave(id);
    pass(30s);
  }
  EXPECT_GE(tried, 8u);
}

}  // namespace
}  // namespace tasklane
