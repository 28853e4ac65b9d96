// Entering the network namespace in which a model listens.
#pragma once

#include <sys/types.h>

#include <compare>
#include <string_view>

#include "shaper/base/namespace_wish.h"
#include "shaper/base/result.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// Tells one namespace from another for as long as it is held.
struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const NamespaceId&) const = default;
};

// Error: no network namespace.
Result<NamespaceId> id_of_namespace(int file);
// That of a process; it takes the privilege to look into it (PTRACE_MODE_READ, ptrace(2)).
Result<UniqueFd> open_namespace_of(pid_t process);

// The namespace that NAME (/run/netns/NAME), a PATH (with a slash in it), a process id, "container:NAME" or
// "of-listener:PORT" names.
Result<UniqueFd> open_network_namespace(std::string_view which);

// The namespace that the calling thread is in.
Result<UniqueFd> open_own_network_namespace();

// Moves the calling thread, and every thread that it starts later.
Result<void> enter_network_namespace(std::string_view which);
Result<void> enter_network_namespace(int file, std::string_view which);

}  // namespace tasklane
