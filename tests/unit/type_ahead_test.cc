#include "shaper/admit/type_ahead.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using namespace std::chrono_literals;

TEST(TypeAhead, ForgetsASuggestionThatIsTooOldToBeGoneAlong) {
  TypeAhead last;
  last.remember(1, "How do I", " cook rice", Time{});
  last.remember(2, "Why is", " the sky blue", Time{} + 1min);
  last.sweep(Time{} + 2min + 1s);
  EXPECT_EQ(last.size(), 1u);
  EXPECT_EQ(last.rest(2, "Why is the", Time{} + 2min + 1s), " sky blue");
}

}  // namespace
}  // namespace tasklane
