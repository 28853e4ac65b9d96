#include "tools/support/cpu.h"

#include <sched.h>

namespace tasklane::tools {

void stay_on_cpu(unsigned number) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(number, &cpus);
  ::sched_setaffinity(0, sizeof(cpus), &cpus);
}

}  // namespace tasklane::tools
