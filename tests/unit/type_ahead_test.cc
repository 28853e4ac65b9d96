#include "shaper/admit/type_ahead.h"

#include <gtest/gtest.h>

#include "unit/start.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""s;

class TypingAlong : public testing::Test {
 protected:
  void SetUp() override { ahead_.remember(Editor(1), "How do I", " cook rice", start); }
  TypeAhead ahead_;
};

TEST_F(TypingAlong, GetsTheRest) {
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I co", start), "ok rice");
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I", start), " cook rice");
}

TEST_F(TypingAlong, ElsewhereOrToItsEndGetsNothing) {
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I bake", start), std::nullopt);
  EXPECT_EQ(ahead_.rest(Editor(1), "How do", start), std::nullopt);
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I cook rice", start), std::nullopt);
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I cook rice well", start), std::nullopt);
}

TEST_F(TypingAlong, IsForItsEditorAlone) {
  EXPECT_EQ(ahead_.rest(Editor(2), "How do I co", start), std::nullopt);
  ahead_.remember(Editor(0), "Who", " is it", start);
  EXPECT_EQ(ahead_.rest(Editor(0), "Who", start), std::nullopt) << "nobody knows who that is";
}

TEST_F(TypingAlong, IsForgottenAfterTwoMinutes) {
  EXPECT_TRUE(ahead_.rest(Editor(1), "How do I", start + 120s).has_value());
  EXPECT_FALSE(ahead_.rest(Editor(1), "How do I", start + 121s).has_value());
}

TEST_F(TypingAlong, ANewerSuggestionTakesThePlaceOfTheOlder) {
  ahead_.remember(Editor(1), "What", " time", start + 1s);
  EXPECT_EQ(ahead_.rest(Editor(1), "How do I co", start + 1s), std::nullopt);
}

TEST_F(TypingAlong, OfManyEditorsTheOldestIsForgotten) {
  for (std::uint64_t editor = 2; editor <= 1025; ++editor)
    ahead_.remember(Editor(editor), "a", "b", start + 1s);
  EXPECT_FALSE(ahead_.rest(Editor(1), "How do I co", start + 1s).has_value());
  EXPECT_TRUE(ahead_.rest(Editor(1025), "a", start + 1s).has_value());
}

TEST_F(TypingAlong, LongTextsAreNotKept) {
  ahead_.remember(Editor(2), std::string(8192, 'a'), "b", start);
  EXPECT_FALSE(ahead_.rest(Editor(2), std::string(8192, 'a'), start).has_value());
}

TEST(TypeAheadSweep, ForgetsASuggestionThatIsTooOldToBeGoneAlong) {
  TypeAhead last;
  last.remember(Editor(1), "How do I", " cook rice", start);
  last.remember(Editor(2), "Why is", " the sky blue", start + 60s);
  last.sweep(start + 121s);
  EXPECT_EQ(last.size(), 1u);
  EXPECT_EQ(last.rest(Editor(2), "Why is the", start + 121s), " sky blue");
}

}  // namespace
}  // namespace tasklane
