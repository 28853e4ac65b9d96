// Where a tool works undisturbed, and what lies beside it.
#pragma once

#include <filesystem>

namespace tasklane::tools {

// Moves this process, and what it starts from now on, into a new network namespace that holds nothing but a
// loopback. Whether it may (root).
bool enter_own_network_namespace();

// Programs that were built together lie together.
std::filesystem::path beside_this_program(const char* name);

}  // namespace tasklane::tools
