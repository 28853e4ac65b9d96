// Which CPUs this process, and what it starts from now on, may use.
#pragma once

namespace tasklane::tools {

// Confines it to the CPU of that number, where it exists.
void stay_on_cpu(unsigned number);

}  // namespace tasklane::tools
