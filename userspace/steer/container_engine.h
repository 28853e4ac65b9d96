// Questions to a container engine: which process is a container's first, and how a container is called.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"

namespace tasklane {

// Asks Docker's or podman's socket by one GET of fixed form, within half a second. `container`: a checked
// name (NamespaceWish). None: it does not run. Error: the engine does not answer, or not in the form of its
// documentation.
Result<std::optional<pid_t>> ask_container_engine(const std::filesystem::path& socket,
                                                  const std::string& container);

// The sockets of Docker and podman where they usually are; before them the one that $DOCKER_HOST names. To be
// asked before other threads may change the environment.
std::vector<std::filesystem::path> usual_container_engines();

// How a container is called, by its id; empty: these engines know none of that id.
std::string name_of_container(const std::vector<std::filesystem::path>& engines, const std::string& id);

// Of the engine's whole answer.
Result<std::optional<pid_t>> process_in_answer(std::string_view answer);
Result<std::string> name_in_answer(std::string_view answer);

}  // namespace tasklane
