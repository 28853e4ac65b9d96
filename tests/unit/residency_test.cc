// Which models a server holds in memory, as it says, and what follows for a task.
#include "shaper/server/residency.h"

#include "unit/living.h"
#include "unit/start.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

// As Ollama 0.32.15 lists one.
std::string ps(const std::string& models) { return R"({"models":[)" + models + "]}"; }
std::string one(const std::string& name, std::uint64_t size) {
  return R"({"name":")" + name + R"(","model":")" + name + R"(","size":)" + std::to_string(size) +
         R"(,"digest":"d","details":{},"expires_at":"2026-11-25T04:59:47Z","size_vram":0,"context_length":8192})";
}

class ResidencyTest : public testing::Test {
 protected:
  void told(const std::string& body, Time at = start) {
    std::optional<ResidentModels> models = resident_models_in("/api/ps", body);
    ASSERT_TRUE(models);
    residency_.told(std::move(*models), at);
  }
  [[nodiscard]] bool takes(const std::string& model, Time at = start) const {
    return residency_.takes(model, "big", at);
  }
  Residency residency_;
};

TEST_F(ResidencyTest, WhatWasNeverAskedIsNotThere) {
  EXPECT_TRUE(residency_.is_due(Time{}));
  EXPECT_FALSE(takes("small"));
}

TEST_F(ResidencyTest, ALoadedModelIsThereWithItsTagOrWithout) {
  told(ps(one("big:latest", 9) + "," + one("small:3b", 3)));
  EXPECT_TRUE(takes("big"));
  EXPECT_TRUE(takes("small:3b"));
  EXPECT_FALSE(takes("small"));
  EXPECT_FALSE(takes("other"));
}

TEST_F(ResidencyTest, WhatWasSaidHoldsForAMoment) {
  told(ps(one("small:latest", 3)));
  EXPECT_FALSE(residency_.is_due(start + Residency::fresh_for - 1ms));
  EXPECT_TRUE(takes("small", start + Residency::fresh_for - 1ms));
  EXPECT_TRUE(residency_.is_due(start + Residency::fresh_for));
  EXPECT_FALSE(takes("small", start + Residency::fresh_for));
}

TEST_F(ResidencyTest, AServerThatSaysNothingOfUseIsAskedNoSoonerForIt) {
  told(ps(one("small:latest", 3)));
  residency_.told_nothing(start);
  EXPECT_FALSE(takes("small"));
  EXPECT_FALSE(residency_.is_due(start + Residency::unknown_for - 1ms));
  EXPECT_TRUE(residency_.is_due(start + Residency::unknown_for));
}

TEST_F(ResidencyTest, WhatWasSeenBesideAllThatIsLoadedFits) {
  told(ps(one("big:latest", 9) + "," + one("small:latest", 3)));
  told(ps(one("big:latest", 9)));
  EXPECT_TRUE(takes("small"));
  told(ps(""));
  EXPECT_TRUE(takes("small")) << "and beside the chats' own, which may come back";
  EXPECT_FALSE(residency_.takes("small", "other", start)) << "beside those of others it was never seen";
  told(ps(one("big:latest", 10)));
  EXPECT_FALSE(takes("small")) << "with a longer context the big one is larger";
  told(ps(one("big:latest", 9) + "," + one("third:latest", 1)));
  EXPECT_FALSE(takes("small"));
}

TEST_F(ResidencyTest, AloneItWouldPushTheChatsModelOut) {
  told(ps(one("small:latest", 3)));
  told(ps(one("big:latest", 9)));
  EXPECT_FALSE(takes("small"));
  told(ps(""));
  EXPECT_FALSE(takes("small")) << "where nothing is loaded, the next chat has its own loaded";
}

TEST(ResidentModelsIn, ReadsWhatEachServerSays) {
  const auto loaded = [](std::string_view path, const std::string& body) {
    const ResidentModels models = resident_models_in(path, body).value();
    std::string names;
    for (const auto& [name, bytes] : models.loaded) names += name + " ";
    return names;
  };
  EXPECT_EQ("a:1b b:latest ", loaded("/api/ps", ps(one("a:1b", 1) + "," + one("b", 2))));
  EXPECT_EQ("", loaded("/api/ps", ps("")));
  EXPECT_EQ("q:latest ", loaded("/running", R"({"running":[{"model":"q","state":"ready","cmd":"llama-server"},
                                                         {"model":"r","state":"starting"}]})"));
  EXPECT_EQ("org/g:Q4 ", loaded("/models", R"({"object":"list","data":[
      {"id":"org/g:Q4","in_cache":true,"status":{"value":"loaded","args":["llama-server","-ctx","4096"]}},
      {"id":"h","status":{"value":"sleeping"}}, {"id":"i","status":{"value":"loading"}},
      {"id":"j","status":{"value":"unloaded","failed":true,"exit_code":1}}]})"));
}

TEST(ResidentModelsIn, AServerOfOneModelHoldsItWhateverItIsCalled) {
  const auto one_model = resident_models_in(
      "/models",
      R"({"object":"list","data":[{"id":"m.gguf","object":"model","owned_by":"llamacpp","meta":{}}]})");
  ASSERT_TRUE(one_model);
  EXPECT_TRUE(one_model->all);
  EXPECT_FALSE(resident_models_in("/models", R"({"data":[{"id":"m","owned_by":"openai"}]})")->all)
      << "a list of what there is says nothing of what is loaded";
}

TEST(ResidentModelsIn, WhatIsNoSuchAnswerSaysNothing) {
  for (const std::string body :
       {"", "no json", "[]", "{}", "null", R"({"models":null})", R"({"models":{}})", R"({"models":[1]})",
        R"({"models":[{}]})", R"({"models":[{"name":7}]})", R"({"models":[[]]})",
        R"({"models":[{"name":""}]})", "{\"models\":[{\"name\":\"\xff\"}]}"})
    EXPECT_FALSE(resident_models_in("/api/ps", body)) << body;
  EXPECT_FALSE(resident_models_in("/elsewhere", ps("")));
  EXPECT_TRUE(
      resident_models_in("/api/ps", R"({"models":[{"name":"a","size":-5},{"name":"b","size":"x"}]})"));
  EXPECT_FALSE(resident_models_in("/api/ps", std::string(200000, '[')));
}

// A model of the same server, before the chats' own.
class LivesWhereItIsLoaded : public Living {
 protected:
  LivesWhereItIsLoaded() {
    small_ = model_;
    small_.name = "small";
    small_.model = "small";
    small_.only_if_resident = true;
  }
  Task& arrive_there(RequestId id) { return arrive(id, title_body(), {&small_, &model_}); }
  // The server of both, which here has the upstream's name.
  void holds(const std::string& models) {
    book_.residency({"small"}).told(*resident_models_in("/api/ps", ps(models)), now_);
  }
  Upstream small_;
};

TEST_F(LivesWhereItIsLoaded, WhereNothingIsKnownTheNextServes) {
  Task& title = arrive_there(1);
  ASSERT_EQ("dial", title.on_its_way);
  EXPECT_EQ("model", title.life->upstream().name);
  EXPECT_EQ(1, statistics_.row(RequestClass::title, "small").failed_over);
}

TEST_F(LivesWhereItIsLoaded, WhereItsModelIsLoadedItIsAsked) {
  holds(one("small:latest", 3));
  EXPECT_EQ("small", arrive_there(1).life->upstream().name);
}

TEST_F(LivesWhereItIsLoaded, WhatHasBeenUnloadedWhileItWaitedIsNotLoadedForIt) {
  rule_.then.settings.settle = 1s;
  holds(one("small:latest", 3));
  Task& title = arrive_there(1);
  ASSERT_EQ(Life::State::waiting, state(1));
  EXPECT_TRUE(title.life->to_be_looked_at(now_).empty());
  pass(3s);
  pass(3s);  // in the lane of the next one
  ASSERT_EQ("dial", title.on_its_way);
  EXPECT_EQ("model", title.life->upstream().name);
}

TEST_F(LivesWhereItIsLoaded, IsLookedAtBeforeItIsChosenAndWhereItIsDue) {
  rule_.then.settings.settle = 1s;
  const std::vector<const Upstream*> route{&small_, &model_};
  Classification classification;
  classification.request_class = RequestClass::title;
  classification.certainty = certainty_;
  const Decision decision{&rule_, route};
  const Endpoint endpoint{EndpointKind::generation, Dialect::openai_chat};
  const BodyFacts& facts = reader_.read(title_body(), endpoint.dialect);
  std::optional<TaskPlan> plan = plan_task({1, endpoint, &facts, classification, decision, "10.0.0.1"});
  ASSERT_TRUE(plan);
  Life life(Life::Around{book_, desk_->admission(), answers_, chats_, statistics_, canonical_, bypass_},
            std::move(*plan), {{&small_, {"server"}, ""}, {&model_, {"server"}, ""}});
  ASSERT_EQ(1, life.to_be_looked_at(now_).size());
  EXPECT_EQ(&small_, life.to_be_looked_at(now_).front()->upstream);
  book_.residency({"server"}).told(*resident_models_in("/api/ps", ps(one("small", 3))), now_);
  EXPECT_TRUE(life.to_be_looked_at(now_).empty()) << "it is known";
  ASSERT_TRUE(std::holds_alternative<effect::EnterLane>(life.next(now_)));
  EXPECT_TRUE(life.to_be_looked_at(now_ + 1h).empty()) << "while it waits nothing is asked";
  life.started();
  EXPECT_EQ(1, life.to_be_looked_at(now_ + 1h).size());
}

}  // namespace
}  // namespace tasklane
