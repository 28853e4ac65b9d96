#include "userspace/steer/helper_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace tasklane {
namespace {

// As it travels: the same program at both ends.
struct Entry {
  SocketAddress address;
  std::uint32_t owner_or_device = 0;
  bool on_device = false;
};
static_assert(std::is_trivially_copyable_v<Entry>);

void append(std::string& text, const Entry& entry) {
  text.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
}

class HelperProcess {
 public:
  HelperProcess(Channel channel, HelperDuties duties)
      : channel_(std::move(channel)), duties_(std::move(duties)) {
    struct stat found {};
    if (duties_.control_socket && ::lstat(duties_.control_socket->c_str(), &found) == 0)
      socket_inode_ = found.st_ino;
  }

  Result<void> prepare() const;
  void serve();
  void refuse(const Error& why) const { tasklane::refuse(channel_, why); }

 private:
  void answer(Channel::Message message);
  void look();
  Result<void> follow();
  void make_socket(std::string_view family) const;
  void read(const std::filesystem::path& file);
  void remove_control_socket() const;
  bool say(HelperWord word, std::string_view text = {}, int descriptor = -1) const {
    return channel_.send(message(word, text), descriptor);
  }
  [[nodiscard]] bool may_read(const std::filesystem::path& file) const;
  void close_all_others() const;

  Channel channel_;
  HelperDuties duties_;
  ino_t socket_inode_ = 0;
};

// Above all the link of the steering program, which is to end with the agent, and the agent's listeners.
void HelperProcess::close_all_others() const {
  std::vector<int> kept{STDERR_FILENO, channel_.descriptor()};
  if (duties_.endpoints)
    for (const int each : duties_.endpoints->descriptors()) kept.push_back(each);
  if (duties_.follower)
    for (const int each : duties_.follower->descriptors()) kept.push_back(each);
  std::sort(kept.begin(), kept.end());
  unsigned from = 0;
  for (const int each : kept) {
    const auto number = static_cast<unsigned>(each);
    if (number > from) ::close_range(from, number - 1, 0);
    from = number + 1;
  }
  ::close_range(from, ~0u, 0);
}

Result<void> HelperProcess::prepare() const {
  ::prctl(PR_SET_NAME, "tasklane-helper", 0, 0, 0);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(each, SIG_IGN);
  close_all_others();
  // CAP_DAC_OVERRIDE: an agent that root has started may have its rules where only root can read.
  std::vector<int> kept{CAP_BPF, CAP_CHOWN};
  if (may_change_user()) kept.push_back(CAP_DAC_OVERRIDE);
  if (duties_.follower)
    for (const int each : duties_.follower->capabilities()) kept.push_back(each);
  const StillNeeded needed{.bpf = true, .network_namespaces = duties_.follower.has_value()};
  if (const auto done = become(duties_.account, kept); !done) return done;
  return forbid_what_is_not_needed(needed);
}

void HelperProcess::look() {
  std::optional<Error> trouble;
  bool changed = false;
  if (duties_.follower)
    if (const Result<void> followed = follow(); !followed) trouble = followed.error();
  if (duties_.endpoints && !trouble) {
    const Result<bool> refreshed = duties_.endpoints->refresh();
    if (!refreshed) trouble = refreshed.error();
    changed = refreshed && *refreshed;
  }
  if (trouble)
    say(HelperWord::trouble, trouble->text());
  else if (changed)
    say(HelperWord::view, view_as_text(duties_.endpoints->view()));
  else
    say(HelperWord::looked);
}

// What the agent does not get, for it is slow, is made anew.
Result<void> HelperProcess::follow() {
  Follower& follower = *duties_.follower;
  const Result<Follower::Step> step = follower.step(*duties_.endpoints);
  if (!step) return step.error();
  const std::string where = follower.where();
  bool told = true;
  if (*step == Follower::Step::left) told = say(HelperWord::left, where);
  if (*step == Follower::Step::entered) {
    const SteeringListeners made = follower.take_listeners();
    if (made.ipv4) told = say(HelperWord::listener, "4", made.ipv4.get());
    if (made.ipv6) told = told && say(HelperWord::listener, "6", made.ipv6.get());
    told = told && say(HelperWord::entered, where);
  }
  if (*step == Follower::Step::attached) told = say(HelperWord::attached, where, follower.take_link().get());
  if (!told) follower.forget(*duties_.endpoints);
  return {};
}

void HelperProcess::make_socket(std::string_view family) const {
  UniqueFd made;
  if (duties_.follower)
    if (Result<UniqueFd> socket = duties_.follower->socket(family == "4" ? IpFamily::ipv4 : IpFamily::ipv6))
      made = std::move(*socket);
  say(HelperWord::socket, family, made.get());
}

bool HelperProcess::may_read(const std::filesystem::path& file) const {
  const auto is_one_of = [](const auto& list, const auto& path) {
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  return is_one_of(duties_.files, file) ||
         (file.extension() == ".json" && is_one_of(duties_.folders, file.parent_path()));
}

void HelperProcess::read(const std::filesystem::path& file) {
  UniqueFd opened;
  if (may_read(file)) opened.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found {};
  if (opened && (::fstat(opened.get(), &found) != 0 || !S_ISREG(found.st_mode))) opened.reset();
  say(HelperWord::file, file.string(), opened.get());
}

// Only the one that its agent has made: another agent may have taken its place.
void HelperProcess::remove_control_socket() const {
  struct stat found {};
  if (duties_.control_socket && ::lstat(duties_.control_socket->c_str(), &found) == 0 &&
      S_ISSOCK(found.st_mode) && found.st_ino == socket_inode_)
    ::unlink(duties_.control_socket->c_str());
}

void HelperProcess::answer(Channel::Message message) {
  switch (static_cast<HelperWord>(message.text.front())) {
    case HelperWord::look:
      return look();
    case HelperWord::give:
      if (duties_.endpoints && message.descriptor) duties_.endpoints->give_to_model(message.descriptor.get());
      return;
    case HelperWord::read:
      return read(message.text.substr(1));
    case HelperWord::remove_control_socket:
      return remove_control_socket();
    case HelperWord::make_socket:
      return make_socket(std::string_view(message.text).substr(1));
    default:
      return;
  }
}

void HelperProcess::serve() {
  say(HelperWord::ready, std::to_string(::getpid()));
  while (!channel_.closed())
    if (auto message = channel_.receive(std::nullopt)) answer(std::move(*message));
  remove_control_socket();
}

}  // namespace

std::string view_as_text(const EndpointView& view) {
  std::string text;
  for (const auto& [address, owner] : view.listeners) append(text, {address, owner, false});
  for (const auto& [address, device] : view.on_devices) append(text, {address, device, true});
  return text;
}

std::optional<EndpointView> view_from_text(std::string_view text) {
  if (text.size() % sizeof(Entry) != 0) return std::nullopt;
  EndpointView view;
  for (; !text.empty(); text.remove_prefix(sizeof(Entry))) {
    Entry entry;
    std::memcpy(&entry, text.data(), sizeof(entry));
    if (entry.on_device)
      view.on_devices.insert({entry.address, entry.owner_or_device});
    else
      view.listeners.insert({entry.address, entry.owner_or_device});
  }
  return view;
}

void refuse(const Channel& channel, const Error& why) {
  channel.send(message(HelperWord::refused, std::to_string(static_cast<int>(why.exit)) + why.text()));
}

void be_the_helper(Channel channel, HelperDuties duties) {
  HelperProcess process(std::move(channel), std::move(duties));
  const Result<void> prepared = process.prepare();
  if (prepared)
    process.serve();
  else
    process.refuse(prepared.error());
  ::_exit(prepared ? 0 : 1);
}

}  // namespace tasklane
