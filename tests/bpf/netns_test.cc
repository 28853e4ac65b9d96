// Entering a network namespace by name, path or process, and what a person reads where it cannot be.
#include "userspace/steer/netns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/bare_agent.h"
#include "tests/support/privilege.h"
#include "tests/support/process.h"

namespace tasklane {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using test::Namespace;

ino_t number_of(int file) {
  struct stat facts {};
  return ::fstat(file, &facts) == 0 ? facts.st_ino : 0;
}

class NetnsTest : public test::HostTest {
 protected:
  [[nodiscard]] ino_t host_number() const {
    return host().run([] { return number_of(open_own_network_namespace().value().get()); });
  }
  // The namespace in which this thread ends up; it comes back afterwards.
  [[nodiscard]] static Result<ino_t> entered(const std::string& which) {
    const Namespace start;
    const test::InsideNamespace inside(start);
    if (const auto done = enter_network_namespace(which); !done) return done.error();
    return number_of(open_own_network_namespace().value().get());
  }
};

TEST_F(NetnsTest, ANameAPathAndAProcessLeadIn) {
  const test::Process sleeper({.command = {"sleep", "1000"}, .where = &host()});
  EXPECT_EQ(entered(host().name()).value(), host_number());
  EXPECT_EQ(entered(host().path()).value(), host_number());
  EXPECT_TRUE(
      test::eventually([&] { return entered(std::to_string(sleeper.pid())).value() == host_number(); }));
}

TEST_F(NetnsTest, AnUnknownNameIsAnsweredWithTheKnownOnes) {
  const Error error = entered("no-such-namespace").error();
  EXPECT_THAT(error.text(),
              AllOf(HasSubstr("--netns"), HasSubstr("'no-such-namespace'"), HasSubstr(host().name())));
  EXPECT_EQ(error.exit, ExitCode::usage);
}

TEST_F(NetnsTest, AProcessThatIsGoneIsNoNamespace) {
  EXPECT_THAT(entered("4194305").error().text(), HasSubstr("no network namespace '4194305'"));
}

TEST_F(NetnsTest, AnEmptyNameIsRefused) { EXPECT_THAT(entered("").error().text(), HasSubstr("give a NAME")); }

TEST_F(NetnsTest, AFileOfAnotherKindIsRefused) {
  EXPECT_THAT(entered("/etc/hostname").error().text(),
              HasSubstr("'/etc/hostname' is not a network namespace"));
  EXPECT_THAT(entered("/proc/self/ns/uts").error().text(), HasSubstr("not of networks"));
}

TEST_F(NetnsTest, WithoutPrivilegeTheMissingOneIsNamed) {
  const test::OnlyCapabilities none({});
  const Error error = enter_network_namespace(host().name()).error();
  EXPECT_THAT(error.text(), HasSubstr("CAP_SYS_ADMIN"));
  EXPECT_EQ(error.exit, ExitCode::not_permitted);
}

}  // namespace
}  // namespace tasklane
