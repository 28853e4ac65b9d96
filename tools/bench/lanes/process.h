// What a process holds and has used, as the kernel counts it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace tasklane::bench {

struct Footprint {
  std::uint64_t resident = 0;  // bytes
  std::size_t descriptors = 0;
  double cpu_seconds = 0;
};

Footprint footprint_of(pid_t process);
// Its own connections to that port of a model.
std::size_t connections_to(pid_t process, std::uint16_t port);

}  // namespace tasklane::bench
