#include "userspace/agent/serving_as_helper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include "userspace/agent/files.h"
#include "userspace/agent/parts.h"
#include "userspace/steer/helper_process.h"
#include "userspace/steer/netns.h"
#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

constexpr Duration patience_with_the_agent = std::chrono::seconds(10);

// What an agent begins with.
struct Beginning {
  SteeringListeners listeners;
  std::string wish;
};

Result<Beginning> hear_the_beginning(Channel& agent) {
  Beginning beginning;
  while (auto heard = agent.receive(patience_with_the_agent)) {
    const std::string text = heard->text.substr(1);
    if (static_cast<HelperWord>(heard->text.front()) == HelperWord::listener)
      (text == "4" ? beginning.listeners.ipv4 : beginning.listeners.ipv6) = std::move(heard->descriptor);
    if (static_cast<HelperWord>(heard->text.front()) != HelperWord::begin) continue;
    beginning.wish = text;
    return beginning;
  }
  return Error{"no agent asks for anything", "standard input", "systemd starts this: tasklane-helper.socket"};
}

// Whether what is steered in this process's namespace reaches it: a listener of another one never accepts it.
// A kernel before 5.14 does not tell (SO_NETNS_COOKIE, socket(7)).
bool is_of_this_namespace(const UniqueFd& listener) {
  const UniqueFd own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto cookie = [](const UniqueFd& of) {
    std::uint64_t value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(of.get(), SOL_SOCKET, SO_NETNS_COOKIE, &value, &size) == 0 ? value : 0;
  };
  const std::uint64_t here = cookie(own);
  return !listener || here == 0 || cookie(listener) == here;
}

Result<HelperDuties> duties_by(const AgentOptions& options, Channel& agent) {
  const Result<Beginning> asked = hear_the_beginning(agent);
  if (!asked) return asked.error();
  const Result<Config> config = config_by(options);
  if (!config) return config.error();
  if (asked->wish != steering_wish(*config))
    return Error{"the agent steers " + asked->wish + ", its helper " + steering_wish(*config), "",
                 "give tasklane-helper@.service the same --config and --netns as tasklaned.service"};
  if (const Result<void> there = find_place(*config); !there) return there.error();
  if (!config->netns &&
      !(is_of_this_namespace(asked->listeners.ipv4) && is_of_this_namespace(asked->listeners.ipv6)))
    return Error{"the agent is in another network namespace than its helper", "",
                 "start both in one, or name the model's with \"netns\""};
  const SteeringOptions wanted = steering_options(*config);
  auto steering =
      config->netns ? Steering::prepare(wanted) : Steering::attach_for_another(wanted, asked->listeners);
  if (!steering) return steering.error();
  HelperDuties duties;
  if (config->netns) {
    Result<Follower> follower = (*steering)->follower(*config->netns);
    if (!follower) return follower.error();
    duties.follower.emplace(std::move(*follower));
  }
  const Result<UniqueFd> memory = (*steering)->memory();
  if (!memory) return memory.error();
  agent.send(message(HelperWord::memory), memory->get());
  if (!config->netns) {
    const Result<UniqueFd> link = (*steering)->link();
    if (!link) return link.error();
    agent.send(message(HelperWord::link), link->get());
  }
  duties.endpoints = (*steering)->give_up_privilege();
  agent.send(message(HelperWord::view, view_as_text(duties.endpoints->view())));
  const Result<Account> account = account_of(options.user);
  if (!account) return account.error();
  duties.account = *account;
  return duties;
}

}  // namespace

Result<Config> config_by(const AgentOptions& options) {
  Result<Config> loaded = config_of(options);
  if (!loaded) return loaded.error();
  if (options.control_socket) loaded->control_socket = *options.control_socket;
  if (options.netns) {
    Result<NamespaceWish> wish = parse_namespace_wish(*options.netns);
    if (!wish) return Error{wish.error().what, "--netns", wish.error().hint};
    loaded->netns = std::move(*wish);
  }
  return loaded;
}

SteeringOptions steering_options(const Config& config) {
  SteeringOptions wanted;
  wanted.stale_after = config.heartbeat_stale;
  for (const Intercept& intercept : config.intercept) wanted.ports.push_back(intercept.port);
  return wanted;
}

std::string steering_wish(const Config& config) {
  std::string wish;
  for (const Intercept& each : config.intercept)
    wish += (wish.empty() ? "" : " ") + std::to_string(each.port);
  return wish + (config.netns ? " in " + config.netns->text : "");
}

// What is wrong with where it is to steer is said at the start, as far as it can be.
Result<void> find_place(const Config& config) {
  if (!config.netns) return {};
  if (!config.netns->may_come_later())
    if (const Result<UniqueFd> there = open_network_namespace(config.netns->text); !there)
      return there.error();
  if (has_capability(CAP_SYS_ADMIN)) return {};
  return Error{"cannot enter the network namespace '" + config.netns->text + "'", "--netns",
               "it needs CAP_SYS_ADMIN: run it as root, or give its service that (config/README.md)",
               ExitCode::not_permitted};
}

ExitCode serve_as_helper(const AgentOptions& options) {
  // Not the place of the standard streams, which is filled up again.
  Channel agent(UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)));
  raise_memory_lock_limit();
  Result<HelperDuties> duties = duties_by(options, agent);
  if (duties) be_the_helper(std::move(agent), std::move(*duties));
  spdlog::error("{}", duties.error().text());
  refuse(agent, duties.error());
  return duties.error().exit;
}

}  // namespace tasklane
