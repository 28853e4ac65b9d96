// Tells the service manager that started the agent how it is (sd_notify(3)): its words over the socket that
// NOTIFY_SOCKET names. Without that variable it tells nobody.
#pragma once

#include <optional>
#include <string_view>

#include "shaper/base/time.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

class ServiceManager {
 public:
  // By the environment. In the network namespace in which the agent was started, where the socket's name may
  // belong.
  static ServiceManager from_environment();
  ServiceManager() = default;

  // "READY=1" and its like; never waits. What cannot be told is not.
  void say(std::string_view words) const;
  // The loop has turned and every listener is armed: the watchdog is fed, a few times within its bound.
  void feed(Time at);

 private:
  UniqueFd socket_;
  std::optional<Duration> watchdog_;  // none: it has not asked
  Time fed_{};
};

}  // namespace tasklane
