// A small process that keeps the privilege which the agent gives up, and does with it what its few messages
// ask: look who listens on the steered ports and tell the steering program, give a connection's socket to the
// model's user, read the configuration again. It knows nothing of what connections carry. It ends with the
// agent; where it fails, steering does.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/channel.h"
#include "userspace/steer/privilege.h"
#include "userspace/steer/steered_endpoints.h"

namespace tasklane {

// What a helper may do, fixed at its start: no message can ask for more.
struct HelperDuties {
  std::unique_ptr<SteeredEndpoints> endpoints;          // null: nothing is steered
  Account account;                                      // whom it becomes
  std::vector<std::filesystem::path> files;             // that it may read for the agent
  std::vector<std::filesystem::path> folders;           // whose own .json files it may read, too
  std::optional<std::filesystem::path> control_socket;  // which it removes at its end
};

class Helper {
 public:
  // Starts the process and waits until it has given up all other privilege. To be called while there is one
  // thread.
  static Result<std::unique_ptr<Helper>> start(HelperDuties duties);
  ~Helper();  // it ends, too
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Asks who listens, and hears what it has said since; several times a second. Never waits. What has changed
  // is put into `view`. Errors: what it could not do.
  Result<void> turn(EndpointView& view);
  // It has answered of late.
  [[nodiscard]] bool answers() const { return unanswered_ <= patience && !gone(); }
  [[nodiscard]] bool gone() const { return channel_.closed(); }

  // Gives an accepted connection's socket to the model's user; at some later time, or not at all.
  void give_to_model(int accepted) const;
  // What a file of its duties says; none: it is not there, or not to be read. Waits for it, a second at most.
  Result<std::optional<std::string>> read(const std::filesystem::path& file);
  void remove_control_socket() const;
  [[nodiscard]] pid_t process() const { return process_; }

 private:
  static constexpr unsigned patience = 10;  // questions without an answer

  Helper(Channel channel, pid_t process) : channel_(std::move(channel)), process_(process) {}
  void hear(const Channel::Message& message);

  Channel channel_;
  pid_t process_;
  unsigned unanswered_ = 0;
  std::optional<EndpointView> heard_;
  std::string trouble_;
};

}  // namespace tasklane
