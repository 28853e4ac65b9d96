// Where the load plays: a real agent in front of a simulated model, and a second, equal model without one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/support/child.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {

struct StageOptions {
  std::filesystem::path agent;
  std::filesystem::path model;
  std::filesystem::path config;  // folder of the profiles
  bool steered = false;          // needs a network namespace of our own, and root
  unsigned slots = 1;
  std::vector<std::string> model_arguments;
  unsigned max_connections = 4096;
  std::string max_wait;  // of background work; empty: as in the profile
};

class Stage {
 public:
  static Result<Stage> set(const StageOptions& options);

  [[nodiscard]] std::uint16_t through() const { return through_; }  // the agent
  [[nodiscard]] std::uint16_t direct() const { return direct_; }
  [[nodiscard]] std::uint16_t model() const { return model_; }  // behind the agent
  [[nodiscard]] pid_t agent() const { return children_.back().pid(); }
  [[nodiscard]] nlohmann::json stats() const;
  // Of `tasklane stats`: tasks that wait in the lanes.
  [[nodiscard]] std::size_t waiting() const;

 private:
  Stage() = default;
  Result<void> start_model(const StageOptions& options, std::uint16_t port);
  Result<void> start_agent(const StageOptions& options);
  [[nodiscard]] std::string control() const { return folder_.file("control.sock"); }

  tools::TemporaryFolder folder_;  // outlives what writes there
  std::vector<tools::Child> children_;
  std::uint16_t model_ = 0;
  std::uint16_t direct_ = 0;
  std::uint16_t through_ = 0;
};

}  // namespace tasklane::bench
