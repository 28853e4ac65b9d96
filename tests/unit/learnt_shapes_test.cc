// A shape is learnt where a front end sends it right behind its chats three times, and at no other time.
#include "shaper/classify/learnt_shapes.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono_literals::operator""s;

class AShape : public testing::Test {
 protected:
  void SetUp() override { shapes_.is_front_end(front_, now_); }
  bool sent(Tenant tenant, LearntShapes::Shape shape = 5) {
    now_ += 10s;
    return shapes_.behind_its_chat(tenant, shape, ++chat_, now_);
  }
  const Tenant front_{1};
  LearntShapes shapes_;
  Time now_{};
  std::uint64_t chat_ = 0;
};

TEST_F(AShape, IsLearntTheFourthTime) {
  EXPECT_FALSE(sent(front_));
  EXPECT_FALSE(sent(front_));
  EXPECT_FALSE(sent(front_));
  EXPECT_TRUE(sent(front_));
  EXPECT_TRUE(sent(front_));
  EXPECT_FALSE(sent(front_, 6)) << "another shape";
}

TEST_F(AShape, OfWhoIsNoFrontEndIsNeverLearnt) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(sent(Tenant(2)));
  EXPECT_FALSE(sent(front_)) << "another tenant's";
}

TEST_F(AShape, ThatWasEverSentAtAnotherTimeIsNeverLearnt) {
  for (int i = 0; i < 5; ++i) sent(front_);
  shapes_.at_another_time(front_, 5, now_);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(sent(front_));
}

TEST_F(AShape, CountsEachChatOnce) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(shapes_.behind_its_chat(front_, 5, 1, now_));
}

TEST_F(AShape, BehindWhichAChatComesBeginsAnew) {
  for (int i = 0; i < 9; ++i) {
    EXPECT_FALSE(sent(front_));
    shapes_.before_a_chat(front_, 5);
  }
}

TEST_F(AShape, WithoutAQuoteIsNone) {
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(sent(front_, 0));
}

TEST_F(AShape, IsForgottenUnderManyOthers) {
  for (int i = 0; i < 4; ++i) sent(front_);
  for (LearntShapes::Shape other = 100; other < 100 + 4096; ++other) sent(front_, other);
  EXPECT_FALSE(sent(front_)) << "it begins anew";
}

}  // namespace
}  // namespace tasklane
