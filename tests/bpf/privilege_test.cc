// What a process can no longer do once it has become the agent's user.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "tests/support/requirements.h"
#include "userspace/steer/privilege.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

constexpr int no_error = 0;

// The errno of what an unprivileged process tries; no_error where it succeeds. -1: it could not be made one.
int tried_without_privilege(const std::function<long()>& attempt, const StillNeeded& needed = {},
                            const std::vector<int>& kept = {}) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!become({4711, 4711, "4711"}, kept) || !forbid_what_is_not_needed(needed)) ::_exit(255);
    errno = 0;
    const long done = attempt();
    ::_exit(done < 0 ? errno : no_error);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  return code == 255 ? -1 : code;
}

class WithoutPrivilege : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    NOT_UNDER_SANITIZERS("their runtime looks for leaks from a process of its own");
  }
};

TEST_F(WithoutPrivilege, NoFileOfRootsIsOpened) {
  EXPECT_EQ(tried_without_privilege([] { return ::open("/etc/shadow", O_RDONLY); }), EACCES);
  EXPECT_EQ(tried_without_privilege([] { return ::open("/etc/hostname", O_RDWR); }), EACCES);
  EXPECT_EQ(tried_without_privilege([] { return ::open("/etc/passwd", O_RDONLY); }), no_error);
}

TEST_F(WithoutPrivilege, NoProgramIsRun) {
  EXPECT_EQ(tried_without_privilege([] { return ::execl("/bin/true", "true", nullptr); }), EPERM);
  EXPECT_EQ(tried_without_privilege([] { return ::fork(); }), EPERM);
  EXPECT_EQ(tried_without_privilege([] { return ::syscall(SYS_clone3, nullptr, 0); }), ENOSYS);
}

TEST_F(WithoutPrivilege, AThreadIsStillStarted) {
  EXPECT_EQ(tried_without_privilege([]() -> long {
              int seen = 0;
              std::thread([&seen] { seen = 1; }).join();
              return seen - 1;
            }),
            no_error);
}

TEST_F(WithoutPrivilege, NoBpfIsLoadedAndNoMapRead) {
  const auto make_a_map = []() -> long {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 4;
    attributes.max_entries = 1;
    return ::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
  };
  EXPECT_EQ(tried_without_privilege(make_a_map), EPERM);
  EXPECT_EQ(tried_without_privilege(make_a_map, {.bpf = true}, {CAP_BPF}), no_error) << "as the helper may";
}

TEST_F(WithoutPrivilege, NoOtherNamespaceIsEntered) {
  const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(tried_without_privilege([&] { return ::setns(here.get(), CLONE_NEWNET); }), EPERM);
  EXPECT_EQ(tried_without_privilege([] { return ::unshare(CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(tried_without_privilege([] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr); }), EPERM);
}

TEST_F(WithoutPrivilege, NoOtherProcessIsLookedInto) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(tried_without_privilege([&] { return ::ptrace(PTRACE_SEIZE, parent, nullptr, nullptr); }), EPERM);
  EXPECT_EQ(tried_without_privilege([&]() -> long {
              int word = 0;
              const iovec mine{&word, sizeof(word)};
              return ::process_vm_readv(parent, &mine, 1, &mine, 1, 0);
            }),
            EPERM);
  EXPECT_EQ(tried_without_privilege([&]() -> long {
              const auto process = static_cast<int>(::syscall(SYS_pidfd_open, parent, 0));
              return process < 0 ? -1 : ::syscall(SYS_pidfd_getfd, process, 0, 0);
            }),
            EPERM)
      << "another's socket";
}

TEST_F(WithoutPrivilege, NoRawSocketIsMade) {
  EXPECT_EQ(tried_without_privilege([] { return ::socket(AF_PACKET, SOCK_RAW, 0); }), EPERM);
  EXPECT_EQ(tried_without_privilege([] { return ::socket(AF_INET, SOCK_STREAM, 0); }), no_error);
}

TEST_F(WithoutPrivilege, NobodyBecomesRootAgain) {
  EXPECT_EQ(tried_without_privilege([] { return ::setuid(0); }), EPERM);
  EXPECT_EQ(tried_without_privilege([]() -> long {
              __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
              __user_cap_data_struct all[2]{{~0u, ~0u, 0}, {~0u, ~0u, 0}};
              return ::syscall(SYS_capset, &header, all);
            }),
            EPERM);
}

}  // namespace
}  // namespace tasklane
