// The real agent, run by a test in a namespace.
#pragma once

#include <signal.h>

#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temporary_folder.h"

namespace tasklane::test {

inline constexpr const char* steer_one_port = R"({
  "version": 1,
  "intercept": [{"port": 11434}],
  "upstreams": {"model": {"address": "original"}},
  "packs": ["open-webui"],
  "rules": []
})";

inline std::string program(std::string_view name) { return TASKLANE_BUILD_DIR "/bin/" + std::string(name); }

class AgentProcess {
 public:
  // `launch` says where and with what privileges; its command comes in front of the agent's own.
  explicit AgentProcess(Launch launch, std::string_view config = steer_one_port,
                        const std::vector<std::string>& more_arguments = {})
      : config_(folder_.write("tasklane.json", config)),
        process_(complete(std::move(launch), more_arguments)) {}
  explicit AgentProcess(const Namespace& where, std::string_view config = steer_one_port)
      : AgentProcess(Launch{.command = {}, .where = &where}, config) {}

  Process* operator->() { return &process_; }
  // Whether it came so far as to steer.
  bool steers() { return process_.wait_for_output("steering port"); }
  void rewrite_config(std::string_view text) const { folder_.write("tasklane.json", text); }
  [[nodiscard]] const std::string& config_file() const { return config_; }
  [[nodiscard]] std::string control_socket() const { return folder_.path() / "control.sock"; }

 private:
  [[nodiscard]] Launch complete(Launch launch, const std::vector<std::string>& more) const {
    for (const std::string& word :
         {program("tasklaned"), std::string("--config"), config_, std::string("--control"), control_socket()})
      launch.command.push_back(word);
    launch.command.insert(launch.command.end(), more.begin(), more.end());
    return launch;
  }

  TemporaryFolder folder_;
  std::string config_;
  Process process_;
};

}  // namespace tasklane::test
