// One question to a container engine: which process is a container's first.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"

namespace tasklane {

// Asks Docker's or podman's socket by one GET of fixed form, within half a second. `container`: a checked
// name (NamespaceWish). None: it does not run. Error: the engine does not answer, or not in the form of its
// documentation.
Result<std::optional<pid_t>> ask_container_engine(const std::filesystem::path& socket,
                                                  const std::string& container);

// Of the engine's whole answer.
Result<std::optional<pid_t>> process_in_answer(std::string_view answer);

}  // namespace tasklane
