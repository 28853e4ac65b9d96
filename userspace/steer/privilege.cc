#include "userspace/steer/privilege.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

constexpr uid_t nobody = 65534;  // the kernel's own (/proc/sys/kernel/overflowuid)

std::optional<uid_t> as_number(const std::string& text) {
  uid_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Account> known_account(const char* name) {
  const passwd* entry = ::getpwnam(name);  // NOLINT: before any other thread
  if (entry == nullptr) return std::nullopt;
  return Account{entry->pw_uid, entry->pw_gid, name};
}

struct FreeCapabilities {
  void operator()(_cap_struct* state) const { ::cap_free(state); }
};
using Capabilities = std::unique_ptr<_cap_struct, FreeCapabilities>;

// No more than these, and those effective.
Result<void> keep_only(const std::vector<int>& kept) {
  const Capabilities wanted(::cap_init());
  const Capabilities now(::cap_get_proc());
  // Where the service manager gave none, it may not even permit the question.
  if (kept.empty() && now && ::cap_compare(now.get(), wanted.get()) == 0) return {};
  for (const int capability : kept)
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE})
      ::cap_set_flag(wanted.get(), flag, 1, &capability, CAP_SET);
  if (::cap_set_proc(wanted.get()) != 0) return system_error("cannot give up capabilities");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return {};
}

Result<void> change_user(const Account& account) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(account.group, account.group, account.group) != 0 ||
      ::setresuid(account.user, account.user, account.user) != 0)
    return system_error("cannot become the user " + account.name);
  return {};
}

struct FreeFilter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

// What neither the agent nor its helper has any use for. Names that this machine does not know are left out.
constexpr auto useless = {"execve",
                          "execveat",
                          "fork",
                          "vfork",
                          "ptrace",
                          "process_vm_readv",
                          "process_vm_writev",
                          "process_madvise",
                          "kcmp",
                          "pidfd_getfd",
                          "init_module",
                          "finit_module",
                          "delete_module",
                          "kexec_load",
                          "kexec_file_load",
                          "mount",
                          "umount2",
                          "pivot_root",
                          "chroot",
                          "open_tree",
                          "move_mount",
                          "fsopen",
                          "fsmount",
                          "fsconfig",
                          "fspick",
                          "mount_setattr",
                          "unshare",
                          "open_by_handle_at",
                          "name_to_handle_at",
                          "perf_event_open",
                          "userfaultfd",
                          "keyctl",
                          "add_key",
                          "request_key",
                          "io_uring_setup",
                          "io_uring_enter",
                          "io_uring_register",
                          "fanotify_init",
                          "personality",
                          "reboot",
                          "swapon",
                          "swapoff",
                          "sethostname",
                          "setdomainname",
                          "acct",
                          "quotactl",
                          "iopl",
                          "ioperm",
                          "mknod",
                          "mknodat",
                          "settimeofday",
                          "clock_settime",
                          "clock_adjtime",
                          "adjtimex",
                          "syslog",
                          "vhangup",
                          "modify_ldt",
                          "setuid",
                          "setgid",
                          "setreuid",
                          "setregid",
                          "setresuid",
                          "setresgid",
                          "setgroups",
                          "setfsuid",
                          "setfsgid",
                          "capset",
                          "memfd_secret",
                          "lookup_dcookie"};

// The sanitizers' runtime looks for leaks from a process of its own.
#ifdef __SANITIZE_ADDRESS__
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// libseccomp's own macros for it are C alone.
scmp_arg_cmp argument(unsigned which, scmp_compare how, scmp_datum_t first, scmp_datum_t second = 0) {
  return {which, how, first, second};
}

int refuse(scmp_filter_ctx filter, const char* name, std::initializer_list<scmp_arg_cmp> when = {}) {
  const int number = ::seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return 0;
  const int done = ::seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), number,
                                            static_cast<unsigned>(when.size()), when.begin());
  // Already what the filter does, or no call of this architecture.
  return done == -EEXIST || done == -EACCES || done == -EDOM ? 0 : done;
}

int fill(scmp_filter_ctx filter, const StillNeeded& needed) {
  int failed = 0;
  const auto note = [&failed](int done) { failed = failed == 0 ? done : failed; };
  for (const char* name : useless) note(refuse(filter, name));
  if (!needed.bpf) note(refuse(filter, "bpf"));
  if (needed.network_namespaces)
    note(refuse(filter, "setns", {argument(1, SCMP_CMP_NE, CLONE_NEWNET)}));
  else
    note(refuse(filter, "setns"));
  // A thread is no process; the C library asks for one by clone() where clone3() is not known.
  note(refuse(filter, "clone", {argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)}));
  note(::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0));
  for (const int family : {AF_PACKET, AF_VSOCK, AF_ALG, AF_XDP, AF_BLUETOOTH, AF_TIPC, AF_KEY, AF_CAN})
    note(refuse(filter, "socket", {argument(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))}));
  return failed;
}

}  // namespace

Result<Account> account_of(const std::optional<std::string>& name) {
  if (!name) {
    if (const auto usual = known_account(agent_user)) return *usual;
    return Account{nobody, nobody, "nobody"};
  }
  if (const auto number = as_number(*name)) return Account{*number, *number, *name};
  if (const auto known = known_account(name->c_str())) return *known;
  return Error{"there is no user '" + *name + "'", "--user", "name one that is there, or give a number"};
}

std::optional<gid_t> group_called(const char* name) {
  const group* entry = ::getgrnam(name);  // NOLINT: before any other thread
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

bool has_capability(int capability) {
  const Capabilities now(::cap_get_proc());
  cap_flag_value_t value = CAP_CLEAR;
  return now && ::cap_get_flag(now.get(), capability, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

bool may_change_user() { return has_capability(CAP_SETUID) && has_capability(CAP_SETGID); }

Result<void> become(const Account& account, const std::vector<int>& kept) {
  std::vector<int> mine;
  std::copy_if(kept.begin(), kept.end(), std::back_inserter(mine), has_capability);
  ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (may_change_user())
    if (const auto done = change_user(account); !done) return done;
  if (const auto done = keep_only(mine); !done) return done;
  ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // a change of user has set it anew
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("cannot give up gaining privileges");
  return {};
}

Result<void> forbid_what_is_not_needed(const StillNeeded& needed) {
  if (sanitized) return {};
  const std::unique_ptr<void, FreeFilter> filter(::seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return system_error("cannot make a filter of system calls", ENOMEM);
  int failed = fill(filter.get(), needed);
  if (failed == 0) failed = ::seccomp_load(filter.get());
  if (failed != 0) return system_error("cannot load a filter of system calls", -failed);
  return {};
}

void raise_memory_lock_limit() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || ::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

}  // namespace tasklane
