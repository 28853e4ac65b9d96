// The services of the package, as systemd judges them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/process.h"

namespace tasklane {
namespace {

constexpr const char* at_most = "16";  // in tenths

TEST(EachServiceOfThePackage, IsExposedByNoMoreThanOnePointSix) {
  const test::Finished known = test::run_to_end({.command = {"systemd-analyze", "security", "--help"}});
  if (known.out.find("--offline") == std::string::npos)
    GTEST_SKIP() << "there is no systemd-analyze here that judges files (systemd 250)";
  unsigned services = 0;
  for (const auto& unit : std::filesystem::directory_iterator(TASKLANE_BUILD_DIR "/units")) {
    if (unit.path().extension() != ".service") continue;
    ++services;
    const test::Finished judged =
        test::run_to_end({.command = {"systemd-analyze", "security", "--offline=true", "--no-pager",
                                      "--threshold", at_most, unit.path().string()}});
    EXPECT_EQ(judged.status, 0) << judged.out << judged.err;
    EXPECT_THAT(judged.out, testing::HasSubstr("Overall exposure level"));
  }
  EXPECT_EQ(services, 2u);
}

}  // namespace
}  // namespace tasklane
