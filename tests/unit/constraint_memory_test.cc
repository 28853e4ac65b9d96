// What a server was seen to refuse, and for how long that is believed.
#include <gtest/gtest.h>

#include <string>

#include "shaper/server/constraint_memory.h"
#include "shaper/task/constrain.h"

namespace tasklane {
namespace {

constexpr Constraints no_schema{false, true, true};
constexpr Constraints nothing{false, false, false};

TEST(ConstraintMemory, KnowsAServerAndModelByWhatItTookLast) {
  ConstraintMemory memory;
  EXPECT_EQ(memory.taken("a big", Time{}), Constraints{});
  memory.remember("a big", no_schema, Time{});
  EXPECT_EQ(memory.taken("a big", Time{}), no_schema);
  EXPECT_EQ(memory.taken("a small", Time{}), Constraints{});
  memory.remember("a big", nothing, Time{});
  EXPECT_EQ(memory.taken("a big", Time{}), nothing);
}

TEST(ConstraintMemory, ForgetsAfterAnHourAndWhenTold) {
  ConstraintMemory memory;
  memory.remember("a big", no_schema, Time{});
  EXPECT_EQ(memory.taken("a big", Time{} + std::chrono::minutes(59)), no_schema);
  EXPECT_EQ(memory.taken("a big", Time{} + std::chrono::minutes(60)), Constraints{});
  memory.clear();
  EXPECT_EQ(memory.taken("a big", Time{}), Constraints{});
}

TEST(ConstraintMemory, IsBoundedAndTheOldestGoesFirst) {
  ConstraintMemory memory;
  for (int i = 0; i < 10000; ++i)
    memory.remember(std::to_string(i), no_schema, Time{} + std::chrono::milliseconds(i));
  EXPECT_LE(memory.size(), 256u);
  EXPECT_EQ(memory.taken("9999", Time{}), no_schema);
  EXPECT_EQ(memory.taken("0", Time{}), Constraints{});
}

TEST(ConstraintMemory, TheSchemaIsTheFirstToBeLeftOut) {
  EXPECT_EQ(fewer({}, {true, true, true}), no_schema);
  EXPECT_EQ(fewer({}, {true, false, false}), no_schema);
  EXPECT_EQ(fewer({}, {false, true, true}), nothing);
  EXPECT_EQ(fewer(no_schema, {false, true, false}), nothing);
}

}  // namespace
}  // namespace tasklane
