// What control groups leave the agent.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"
#include "userspace/agent/resources.h"

namespace tasklane {
namespace {

constexpr std::size_t mib = 1U << 20;

class MemoryGroup : public testing::Test {
 protected:
  MemoryGroup() {
    std::filesystem::create_directories(root_ / "a/b");
    folder_.write("own", "1:name=systemd:/else\n0::/a/b\n");
  }
  void has(const std::string& group, const std::string& file, const std::string& text) const {
    std::ofstream(root_ / group / file) << text << "\n";
  }
  void limited(const std::string& group, const std::string& limit, std::size_t used) const {
    has(group, "memory.max", limit);
    has(group, "memory.current", std::to_string(used));
  }
  [[nodiscard]] bool leaves(std::size_t bytes) const {
    return MemoryGroups(root_, folder_.path() / "own").leave(bytes);
  }

 private:
  test::TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path() / "groups";
};

TEST_F(MemoryGroup, WithoutALimitLeavesEverything) {
  EXPECT_TRUE(leaves(1000 * mib)) << "no controller";
  limited("a/b", "max", 500 * mib);
  EXPECT_TRUE(leaves(1000 * mib));
}

TEST_F(MemoryGroup, LeavesWhatItsLimitAllows) {
  limited("a/b", std::to_string(100 * mib), 60 * mib);
  EXPECT_TRUE(leaves(40 * mib));
  EXPECT_FALSE(leaves(41 * mib));
}

TEST_F(MemoryGroup, LeavesNoMoreThanTheOnesAroundIt) {
  limited("a/b", "max", 10 * mib);
  limited("a", std::to_string(100 * mib), 90 * mib);
  EXPECT_TRUE(leaves(10 * mib));
  EXPECT_FALSE(leaves(11 * mib));
}

TEST_F(MemoryGroup, IsFullWhereItsProcessesAreSlowedDown) {
  limited("a/b", "max", 90 * mib);
  has("a/b", "memory.high", std::to_string(100 * mib));
  EXPECT_FALSE(leaves(11 * mib));
}

TEST_F(MemoryGroup, LeavesWhatOnlyFilesTakeToo) {
  limited("a/b", std::to_string(100 * mib), 95 * mib);
  has("a/b", "memory.stat",
      "anon 1000\ninactive_file " + std::to_string(20 * mib) + "\nactive_file " + std::to_string(10 * mib));
  EXPECT_TRUE(leaves(35 * mib));
  EXPECT_FALSE(leaves(36 * mib));
}

}  // namespace
}  // namespace tasklane
