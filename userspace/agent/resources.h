// What the system leaves the agent: descriptors and memory. Asked by trying, for limits come from many places
// (rlimits, the system's own tables) and change while the agent runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace tasklane {

// What must be left for new connections to be wanted: those that the kernel has already accepted take theirs
// from it, and so does what the agent does beside them.
inline constexpr unsigned descriptors_to_spare = 16;
inline constexpr std::size_t memory_to_spare = 48u << 20;

// Takes what the system grants.
void raise_descriptor_limit();

// Client connections that the descriptors allow, each with one to its server beside it, and idle ones kept.
// At least one. Call it when all that is opened once is open.
struct DescriptorShare {
  std::uint32_t connections;
  std::uint32_t idle;
  std::uint64_t limit;  // the process's, for messages
};
DescriptorShare share_descriptors();

// Gives what the heap holds free back to the kernel, beyond what ordinary requests take again at once.
void give_memory_back();

// Whether so many more could be opened now.
bool can_open(unsigned descriptors);
// Whether so much more could be mapped now.
bool can_map(std::size_t bytes);

// The control groups that this process is in (cgroups(7), version 2), and what they leave it: past their
// limit the kernel ends it, or lets it crawl.
class MemoryGroups {
 public:
  // `root`: where the control groups are mounted; `own`: which one this process is in. No limits where either
  // cannot be read.
  explicit MemoryGroups(const std::filesystem::path& root = "/sys/fs/cgroup",
                        const std::filesystem::path& own = "/proc/self/cgroup");
  // Whether each of them has so much more to give, what the kernel could take back of files included.
  [[nodiscard]] bool leave(std::size_t bytes) const;

 private:
  std::vector<std::filesystem::path> limited_;  // its own, and those around it
};

}  // namespace tasklane
