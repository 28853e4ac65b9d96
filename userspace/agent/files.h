// Which files the agent reads: its configuration and its rule packs.
#pragma once

#include <filesystem>
#include <vector>

#include "userspace/agent/agent.h"

namespace tasklane {

std::filesystem::path config_file(const AgentOptions& options);
// Where packs are looked for, the first one first.
std::vector<std::filesystem::path> pack_folders(const AgentOptions& options);

}  // namespace tasklane
