// What a driven life has its upstreams do.
#include "shaper/task/driver.h"

#include <gmock/gmock.h>

#include "unit/living.h"

namespace tasklane {
namespace {

using testing::ElementsAre;

class Driven : public Living, public TaskDriver::Upstreams {
 protected:
  Time now() const override { return now_; }
  std::optional<std::string> dial(const Hop& hop) override {
    seen_.push_back("dial " + hop.server.name);
    return hop.server.name == unreachable_ ? std::optional<std::string>("refused") : std::nullopt;
  }
  void send(effect::Send) override { seen_.emplace_back("send"); }
  void stop() override { seen_.emplace_back("stop"); }
  void done(const effect::Done& done) override { seen_.emplace_back(done.answer ? "answer" : "gone"); }
  void entered(Lane lane) override { seen_.push_back("enter " + std::string(to_text(lane))); }
  void started() override { seen_.emplace_back("start"); }
  void cancelled() override { seen_.emplace_back("cancel"); }

  TaskDriver& drive(std::vector<Hop> route) {
    std::vector<const Upstream*> upstreams;
    for (const Hop& hop : route) upstreams.push_back(hop.upstream);
    driver_.emplace(*desk_, *this, around(), plan_of(1, title_body(), upstreams), std::move(route));
    driver_->begin();
    return *driver_;
  }
  void reply() {
    AnswerAssembler assembler(Dialect::openai_chat);
    assembler.feed(titled("Rice"));
    assembler.finish();
    driver_->replied({true, true, false, 200, "application/json", titled("Rice")}, assembler);
  }

  std::vector<std::string> seen_;
  std::string unreachable_;
  std::optional<TaskDriver> driver_;
};

TEST_F(Driven, ATaskEntersIsStartedSentAndAnswered) {
  drive({{&model_, {"model"}, ""}});
  reply();
  EXPECT_THAT(seen_, ElementsAre("enter background", "start", "dial model", "send", "answer"));
  EXPECT_TRUE(driver_->is_done());
}

TEST_F(Driven, AChatStopsItAndItIsSentAgain) {
  drive({{&model_, {"model"}, ""}});
  seen_.clear();
  chat_comes(1000);
  EXPECT_THAT(seen_, ElementsAre("cancel", "stop"));
  chat_ends(1000);
  pass(std::chrono::seconds(2));
  reply();
  EXPECT_THAT(seen_, ElementsAre("cancel", "stop", "start", "dial model", "send", "answer"));
}

TEST_F(Driven, AnUpstreamThatIsNotReachedIsPassedOver) {
  unreachable_ = "task";
  drive({{&helper_, {"task"}, ""}, {&model_, {"model"}, ""}});
  reply();
  EXPECT_THAT(seen_, ElementsAre("enter background", "start", "dial task", "enter background", "start",
                                 "dial model", "send", "answer"));
}

TEST_F(Driven, AClientThatLeavesStopsItOnce) {
  TaskDriver& task = drive({{&model_, {"model"}, ""}});
  seen_.clear();
  task.client_left();
  task.client_left();
  EXPECT_THAT(seen_, ElementsAre("cancel", "stop", "gone"));
}

}  // namespace
}  // namespace tasklane
