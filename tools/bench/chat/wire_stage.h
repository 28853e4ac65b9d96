// The real processes of one host: a simulated model, and where the way has them an agent before it and a
// second model for tasks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/bench/chat/ways.h"
#include "tools/support/child.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {

struct WirePrograms {
  std::filesystem::path agent;
  std::filesystem::path model;
  std::filesystem::path config;  // folder of the profiles
};

class WireStage {
 public:
  // `next_port`: gives a free one each time.
  static Result<WireStage> set(const Way& way, const WirePrograms& programs,
                               const std::function<std::uint16_t()>& next_port);

  [[nodiscard]] std::uint16_t port() const { return port_; }  // where the front end asks
  // Of the agent, as `tasklane stats --json`; empty where there is none.
  [[nodiscard]] nlohmann::json stats() const;

 private:
  WireStage() = default;
  Result<void> start_model(const WirePrograms& programs, std::uint16_t port, unsigned speed);
  Result<void> start_agent(const WirePrograms& programs, const nlohmann::json& config);
  [[nodiscard]] std::string control() const { return folder_.file("control.sock"); }

  tools::TemporaryFolder folder_;  // outlives what writes there
  std::vector<tools::Child> children_;
  std::uint16_t port_ = 0;
  bool has_agent_ = false;
};

}  // namespace tasklane::bench
