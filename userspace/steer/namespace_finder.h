// The network namespace that a wish means at this moment: a process may have ended, a container may have been
// started anew, a name may have been given to another namespace.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/namespace_wish.h"
#include "shaper/base/result.h"
#include "userspace/steer/netns.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

struct FoundNamespace {
  UniqueFd file;
  NamespaceId id;
  pid_t process = 0;  // by which it was found; 0: by its name
};

// One thread.
class NamespaceFinder {
 public:
  // The sockets of container engines are those that are usual, and the one that $DOCKER_HOST names.
  explicit NamespaceFinder(NamespaceWish wish);

  // None: there is none now. Error: that cannot be known. `serves`: in the one that was found last something
  // is known to listen on the steered ports; then "of-listener" looks no further. Cheap; what takes longer
  // (asking a container engine, searching all processes) is done every half second at most.
  Result<std::optional<FoundNamespace>> find(bool serves);

  [[nodiscard]] const NamespaceWish& wish() const { return wish_; }
  // Why a container engine could not tell, where it was asked last; empty: it could, or was not asked.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  // A pidfd that it keeps; -1: none.
  [[nodiscard]] int descriptor() const { return alive_.get(); }

 private:
  using Found = Result<std::optional<FoundNamespace>>;
  Found find_named();
  Found find_process();
  Found find_container();
  Found find_of_listener(bool serves);
  Found of_process(pid_t process) const;
  [[nodiscard]] bool lives() const;
  void hold(pid_t process);
  void let_go();
  bool may_search();

  NamespaceWish wish_;
  std::string trouble_;
  std::vector<std::filesystem::path> engines_;
  // The process by which the namespace was found. Its number may be another's later; the pidfd is not.
  pid_t process_ = 0;
  UniqueFd alive_;
  NamespaceId id_;   // found last; of none where none was
  NamespaceId own_;  // that of whoever made this
  std::chrono::steady_clock::time_point searched_;
};

// Of proc(5)'s "cgroup" of a process: whether it is in the control group of a container of this name or id,
// as Docker, podman, Kubernetes, LXC and systemd-nspawn call theirs.
bool is_cgroup_of(std::string_view cgroup, std::string_view container);

}  // namespace tasklane
