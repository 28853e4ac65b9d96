// Giving up what a process may do: its user, its capabilities, and system calls that it has no use for.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"

namespace tasklane {

// Whoever is in the first may look at an agent, whoever is in the second may change what it does too; the
// agent itself runs as the first one's user. Made by the package (config/tasklane.sysusers).
inline constexpr const char* agent_user = "tasklane";
inline constexpr const char* admin_group = "tasklane-admin";

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;
};

// By name or number. None: agent_user where it is known here, else nobody (65534).
Result<Account> account_of(const std::optional<std::string>& name);
// A group's number; none: it is not known here.
std::optional<gid_t> group_called(const char* name);

// Whether this thread has it now (capabilities(7)).
bool has_capability(int capability);
// Whether this process could become another user.
bool may_change_user();

// The calling thread's process becomes this user, where it may change users, and keeps no capability but
// `kept`, as far as it has them; and gains none by what it executes. To be called while there is one thread.
Result<void> become(const Account& account, const std::vector<int>& kept);

// What a process may still do that others need not.
struct StillNeeded {
  bool bpf = false;
  bool network_namespaces = false;  // entering them, and no other kind
};

// From here on the kernel refuses (EPERM) what a process that serves has no use for, whatever it has become:
// running programs, new processes, looking into others, modules, mounts, keys, and BPF and namespaces where
// they are not still needed. There is no way back.
Result<void> forbid_what_is_not_needed(const StillNeeded& needed);

// Maps of BPF programs are counted against this limit by kernels before 5.11.
void raise_memory_lock_limit();

}  // namespace tasklane
