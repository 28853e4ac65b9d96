// Where the demo plays: two simulated models and a real agent. As root in a network namespace of its own,
// where the agent steers port 11434; else on free ports, where the agent is an ordinary listener.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/support/child.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::demo {

enum class Way { direct, one_model, task_model };

class Stage {
 public:
  static Result<Stage> set(const std::filesystem::path& programs, Way way, bool steered);

  // Where Open WebUI would send its requests.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] nlohmann::json stats() const;

 private:
  Stage() = default;
  Result<void> start_models(const std::filesystem::path& modelsim, std::uint16_t chat, std::uint16_t task);
  Result<void> start_agent(const std::filesystem::path& tasklaned, const nlohmann::json& config,
                           bool steered);
  [[nodiscard]] Result<void> bypass() const;
  [[nodiscard]] std::string control() const { return folder_.file("control.sock"); }

  tools::TemporaryFolder folder_;  // outlives what writes there
  std::vector<tools::Child> children_;
  std::uint16_t port_ = 0;
};

}  // namespace tasklane::demo
