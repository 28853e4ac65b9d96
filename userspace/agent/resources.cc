#include "userspace/agent/resources.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

// For conversations of the control socket and requests of Tasklane's own, beside what is always spared.
constexpr std::uint64_t for_ourselves = 8;
// A connection, one to its server, and a quarter of an idle one.
constexpr std::uint64_t quarters_of_a_connection = 9;

// Nothing where it is not there, or no number ("max").
std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::uint64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

// Of memory.stat: pages of files, which the kernel takes back before it ends anybody.
std::uint64_t files_in(const std::filesystem::path& group) {
  std::ifstream in(group / "memory.stat");
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  while (in >> name >> bytes)
    if (name == "inactive_file" || name == "active_file") files += bytes;
  return files;
}

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

// proc(5). Where it cannot be told it may be any size.
std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  if (!(statm >> pages >> pages)) return std::numeric_limits<std::size_t>::max();
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// To count what is free the library walks each free piece, which takes milliseconds where there are many: not
// where all of the process is no larger than what is worth it.
void give_memory_back() {
  constexpr std::size_t kept = 16u << 20;
  constexpr std::size_t worth_it = 4 * kept;
  if (resident_bytes() > worth_it && ::mallinfo2().fordblks > worth_it) ::malloc_trim(kept);
}

// One file, which the system's own table must have room for, and the rest are its duplicates: they take a
// number of the process each, and at ten looks a second half of what opening as many files takes.
bool can_open(unsigned descriptors) {
  std::vector<UniqueFd> opened;
  opened.reserve(descriptors);
  while (opened.size() < descriptors) {
    UniqueFd next =
        opened.empty() ? any_descriptor() : UniqueFd(::fcntl(opened.front().get(), F_DUPFD_CLOEXEC, 0));
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

MemoryGroups::MemoryGroups(const std::filesystem::path& root, const std::filesystem::path& own) {
  constexpr std::string_view version_2 = "0::/";
  std::ifstream in(own);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(version_2)) continue;
    std::filesystem::path group = root;
    limited_.push_back(group);
    for (const auto& name : std::filesystem::path(line.substr(version_2.size())))
      limited_.push_back(group /= name);
  }
  std::erase_if(limited_, [](const auto& group) { return !number_in(group / "memory.current"); });
}

bool MemoryGroups::leave(std::size_t bytes) const {
  return std::all_of(limited_.begin(), limited_.end(), [bytes](const std::filesystem::path& group) {
    constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t limit = std::min(number_in(group / "memory.max").value_or(none),
                                         number_in(group / "memory.high").value_or(none));
    if (limit == none) return true;
    const std::uint64_t used = number_in(group / "memory.current").value_or(0);
    return used + bytes <= limit || used + bytes <= limit + files_in(group);
  });
}

}  // namespace tasklane
