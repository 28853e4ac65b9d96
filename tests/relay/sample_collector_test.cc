// Samples for `tasklane learn`: collected only while somebody asks, without a word unless asked for.
#include "userspace/serve/sample_collector.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono_literals::operator""s;

const Time start{};

class Collecting : public testing::Test {
 protected:
  Collecting() {
    shaped_.task_shaped = true;
    shaped_.evidence = Evidence::echo;
    shaped_.request_class = RequestClass::title;
    body_.readable = true;
    body_.messages = {Message{Role::user, "Name the talk.\nUSER: my secret\nASSISTANT: yes", false, false}};
  }
  void see(Time at) { collector_.see(shaped_, body_, {}, at); }

  Classification shaped_;
  BodyFacts body_;
  SampleCollector collector_;
};

TEST_F(Collecting, HoldsNothingThatNobodyAskedFor) {
  see(start + 1s);
  EXPECT_TRUE(collector_.take().empty());
}

TEST_F(Collecting, HoldsShapesAlone) {
  collector_.start(start + 10s, false, 7);
  see(start + 1s);
  const std::vector<TaskSample> samples = collector_.take();
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].request_class, RequestClass::title);
  EXPECT_EQ(samples[0].frames.size(), 2u);
  EXPECT_TRUE(samples[0].text.empty());
  EXPECT_EQ(to_json(samples[0]).dump().find("secret"), std::string::npos);
}

TEST_F(Collecting, HoldsTextsWhereAskedForThem) {
  collector_.start(start + 10s, true, 7);
  see(start + 1s);
  EXPECT_NE(collector_.take().at(0).text.find("my secret"), std::string::npos);
}

TEST_F(Collecting, EndsWithItsTimeOrWhenFetched) {
  collector_.start(start + 10s, false, 7);
  see(start + 10s);
  EXPECT_TRUE(collector_.take().empty());
  collector_.start(start + 10s, false, 7);
  collector_.take();
  see(start + 1s);
  EXPECT_TRUE(collector_.take().empty());
}

TEST_F(Collecting, ForgetsWhatNobodyFetches) {
  collector_.start(start + 10s, true, 7);
  see(start + 1s);
  collector_.sweep(start + 60s);
  EXPECT_FALSE(SampleCollector(collector_).take().empty());
  collector_.sweep(start + 71s);
  EXPECT_TRUE(collector_.take().empty());
}

TEST_F(Collecting, IsBounded) {
  collector_.start(start + 10s, false, 7);
  for (int i = 0; i < 1000; ++i) see(start + 1s);
  EXPECT_LE(collector_.take().size(), 256u);
}

TEST_F(Collecting, LeavesOutWhatAPackKnowsAndWhatIsAChat) {
  collector_.start(start + 10s, false, 7);
  shaped_.evidence = Evidence::pack;
  see(start + 1s);
  shaped_.evidence = Evidence::none;
  shaped_.request_class = RequestClass::chat;
  see(start + 1s);
  EXPECT_TRUE(collector_.take().empty());
}

TEST(ASample, GoesOverTheWireAndBack) {
  TaskSample sample;
  sample.request_class = RequestClass::tags;
  sample.asks = "tags";
  sample.frames = {0, 2};
  sample.start = 0xffffffffffffffffull;
  sample.text = "words";
  const Result<TaskSample> back = sample_from(nlohmann::json::parse(to_json(sample).dump()));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->request_class, sample.request_class);
  EXPECT_EQ(back->asks, sample.asks);
  EXPECT_EQ(back->frames, sample.frames);
  EXPECT_EQ(back->start, sample.start);
  EXPECT_EQ(back->text, sample.text);
  EXPECT_FALSE(sample_from(nlohmann::json::parse(R"({"class": "chatter"})")).has_value());
  EXPECT_FALSE(sample_from(nlohmann::json::parse(R"({"class":"tags","asks":"","frames":[99],"start":1})"))
                   .has_value());
}

}  // namespace
}  // namespace tasklane
