#include "tools/modelsim/prompt_cache.h"

#include <gtest/gtest.h>

namespace tasklane::sim {
namespace {

TEST(AHostCache, GivesThePromptOfWhichMostIsKept) {
  HostCache cache(100);
  cache.keep({1, 2, 3, 4});
  cache.keep({1, 2, 3, 9});
  EXPECT_EQ(cache.take_best({1, 2, 3, 4, 5}, 0), (Tokens{1, 2, 3, 4}));
}

TEST(AHostCache, LeavesAPromptAloneOfWhichLessThanAQuarterWouldBeKept) {
  HostCache cache(100);
  cache.keep({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(cache.take_best({1, 9}, 0), Tokens{});
  EXPECT_EQ(cache.take_best({1, 2, 9}, 0), (Tokens{1, 2, 3, 4, 5, 6, 7, 8})) << "and it is still there";
}

TEST(AHostCache, GivesNoneThatKeepsNoMoreThanTheSlotDoes) {
  HostCache cache(100);
  cache.keep({1, 2, 3});
  EXPECT_EQ(cache.take_best({1, 2, 9}, 2), Tokens{});
}

}  // namespace
}  // namespace tasklane::sim
