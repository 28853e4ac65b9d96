#include "userspace/agent/resources.h"

#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

// For conversations of the control socket and requests of Tasklane's own, beside what is always spared.
constexpr std::uint64_t for_ourselves = 8;
// A connection, one to its server, and a quarter of an idle one.
constexpr std::uint64_t quarters_of_a_connection = 9;

UniqueFd any_descriptor() { return UniqueFd(::eventfd(0, EFD_CLOEXEC)); }

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

DescriptorShare share_descriptors() {
  rlimit limit{};
  const UniqueFd next = any_descriptor();  // the lowest free number: so many are open
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || !next) return {1, 0, 0};
  const auto used = static_cast<std::uint64_t>(next.get()) + descriptors_to_spare + for_ourselves;
  const std::uint64_t left = limit.rlim_cur > used ? limit.rlim_cur - used : 0;
  const std::uint64_t connections = std::clamp<std::uint64_t>(left * 4 / quarters_of_a_connection, 1,
                                                              std::numeric_limits<std::uint32_t>::max());
  return {static_cast<std::uint32_t>(connections), static_cast<std::uint32_t>(connections / 4),
          limit.rlim_cur};
}

void give_memory_back() {
  constexpr std::size_t kept = 16u << 20;
  constexpr std::size_t worth_it = 4 * kept;
  if (::mallinfo2().fordblks > worth_it) ::malloc_trim(kept);
}

bool can_open(unsigned descriptors) {
  std::vector<UniqueFd> opened;
  opened.reserve(descriptors);
  while (opened.size() < descriptors) {
    UniqueFd next = any_descriptor();
    if (!next) return false;
    opened.push_back(std::move(next));
  }
  return true;
}

bool can_map(std::size_t bytes) {
  void* room = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return false;
  ::munmap(room, bytes);
  return true;
}

}  // namespace tasklane
