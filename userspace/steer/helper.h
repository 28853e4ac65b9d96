// A small process that keeps the privilege which the agent gives up, and does with it what its few messages
// ask: look who listens on the steered ports and tell the steering program, give a connection's socket to the
// model's user, read the configuration again, follow a network namespace. It knows nothing of what
// connections carry. It ends with the agent; where it fails, steering does.
#pragma once

#include <sys/types.h>

#include <array>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/channel.h"
#include "userspace/steer/dialer.h"
#include "userspace/steer/follower.h"
#include "userspace/steer/privilege.h"
#include "userspace/steer/steered_endpoints.h"
#include "userspace/steer/steering_listeners.h"

namespace tasklane {

enum class HelperWord : char;

// What a helper may do, fixed at its start: no message can ask for more.
struct HelperDuties {
  std::unique_ptr<SteeredEndpoints> endpoints;          // null: nothing is steered
  std::optional<Follower> follower;                     // where they are; none: in the agent's own namespace
  Account account;                                      // whom it becomes
  std::vector<std::filesystem::path> files;             // that it may read for the agent
  std::vector<std::filesystem::path> folders;           // whose own .json files it may read, too
  std::optional<std::filesystem::path> control_socket;  // which it removes at its end
};

// What has become of the followed namespace.
struct NamespaceNews {
  enum class Kind { entered, attached, left } kind;
  std::string where;  // for a person
  SteeringListeners listeners = {};
  UniqueFd link = {};
};

class Helper : public SocketMaker {
 public:
  // What a helper that was not started here has made of the steering program; with `netns` no link yet.
  struct Begun {
    UniqueFd memory;
    UniqueFd link;
  };
  // One that a service manager starts for whoever connects to this socket, as tasklane-helper.socket says.
  // `wish`: what both take the configuration to say. `listeners`: to which it is to steer, in this namespace;
  // they stay the caller's; none: where it follows one. Errors: its own, for instance what it is not
  // permitted.
  static Result<std::unique_ptr<Helper>> connect(const std::filesystem::path& socket, std::string_view wish,
                                                 const SteeringListeners& listeners, Begun& begun);
  // Starts the process and waits until it has given up all other privilege. To be called while there is one
  // thread.
  static Result<std::unique_ptr<Helper>> start(HelperDuties duties);
  ~Helper() override;  // it ends, too
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // Asks who listens; behind hear(). Never waits.
  void ask();
  // Hears what it has said since; several times a second, for that counts how long it has not answered. Never
  // waits. What has changed is put into `view`. Errors: what it could not do.
  Result<void> hear(EndpointView& view);
  // What it has heard of the followed namespace since it was last asked, in order.
  std::vector<NamespaceNews> take_news() { return std::move(news_); }
  // A socket of the followed namespace. Some are kept ready; else it waits for the helper, a second at most.
  Result<UniqueFd> make_socket(IpFamily family) override;
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
  static constexpr unsigned patience = 10;  // times that no answer was heard

  explicit Helper(Channel channel) : channel_(std::move(channel)) {}
  Result<void> await_ready(Begun& begun);
  void watch(pid_t process);
  void end_process(int signal) const;
  // Sockets that are kept ready for the next dials.
  struct Ready {
    static constexpr std::size_t wanted = 8;
    std::deque<UniqueFd> sockets;
    std::size_t asked = 0;  // and not answered yet
    bool used = false;      // somebody dials by this family
  };

  void take(Channel::Message message);
  void hear_of_namespace(HelperWord word, Channel::Message message);
  void fill(IpFamily family);
  Ready& ready(IpFamily family) { return ready_[family == IpFamily::ipv4 ? 0 : 1]; }

  Channel channel_;
  pid_t process_ = 0;
  UniqueFd alive_;      // the process: its number may be another's later
  bool asked_ = false;  // and it has not answered yet
  unsigned unanswered_ = 0;
  std::optional<EndpointView> heard_;
  std::string trouble_;
  SteeringListeners listeners_;
  std::vector<NamespaceNews> news_;
  std::array<Ready, 2> ready_;
};

}  // namespace tasklane
