// The ways from the client to the far end, side by side: direct, the copy loop, HAProxy, nginx, and Tasklane
// with the shipped one-model profile, as an ordinary listener and steering, and without rules. Started
// together, taken down together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/support/child.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {

struct Way {
  std::string name;
  std::uint16_t port;
  pid_t relay = 0;  // its process; 0: there is none

  // What it has computed so far, all threads together, in microseconds.
  [[nodiscard]] double cpu_us() const;
};

struct LeftOut {
  std::string name;
  std::string why;
};

struct WayOptions {
  std::filesystem::path agent;
  std::optional<std::filesystem::path> haproxy;  // none: that way is left out
  std::optional<std::filesystem::path> nginx;    // the same
  bool steered = false;                          // needs a network namespace of our own, and root
  // The ends on CPU 0, every relay on CPU 1: each hop then costs the same in every round, and each relay has
  // one CPU.
  bool pin = false;
};

class Ways {
 public:
  static Result<Ways> start(const WayOptions& options);

  [[nodiscard]] const std::vector<Way>& all() const { return all_; }
  [[nodiscard]] const std::vector<LeftOut>& left_out() const { return left_out_; }
  // What each agent counted: proof that requests took the way and were classified.
  [[nodiscard]] nlohmann::json agents_counted() const;

 private:
  Ways() = default;
  Result<void> start_haproxy(const std::filesystem::path& program, std::uint16_t far);
  Result<void> start_nginx(const std::filesystem::path& program, std::uint16_t far);
  Result<void> start_agent(const std::filesystem::path& program, const std::string& name,
                           const nlohmann::json& config, std::uint16_t port);
  [[nodiscard]] std::string control_of(const std::string& name) const;

  tools::TemporaryFolder folder_;  // outlives what writes there
  std::vector<tools::Child> children_;
  std::vector<Way> all_;
  std::vector<LeftOut> left_out_;
  std::vector<std::string> agents_;
};

}  // namespace tasklane::bench
