// What the system leaves the agent: descriptors and memory. Asked by trying, for limits come from many places
// (rlimits, the system's own tables) and change while the agent runs.
#pragma once

#include <cstddef>
#include <cstdint>

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
// Whether so much more could be mapped now. What a control group takes it cannot see: there the kernel ends
// the agent, and with it the steering.
bool can_map(std::size_t bytes);

}  // namespace tasklane
